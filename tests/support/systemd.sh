#!/bin/sh
# Runs claviger's units under a real `systemd --user`, in namespaces of their own: everything ends with this script.
# Prints what it sees as NAME=VALUE. HOME and XDG_RUNTIME_DIR are the test's; $1 is the client, $2 the helper's notes.
set -eu
claviger=$1 seen=$2
socket=$XDG_RUNTIME_DIR/claviger/claviger.sock
say() { printf '%s=%s\n' "$1" "$2"; }
unit() { systemctl --user "$@" 2>&1; }
pid() { unit show -p MainPID --value clavigerd.service; }
token() { "$claviger" --no-start token 2>&1; }

mkdir -p /run/systemd
mount -t tmpfs tmpfs /run/systemd
# systemctl takes this directory for the sign that systemd runs here.
mkdir /run/systemd/system
mount -t cgroup2 cgroup2 /sys/fs/cgroup
/lib/systemd/systemd --user --unit=basic.target >/dev/null 2>&1 &
tries=0
until unit is-system-running | grep -qE 'running|degraded'; do
    tries=$((tries + 1))
    [ "$tries" -lt 500 ] || { say up no; exit 0; }
    sleep 0.02
done

unit start clavigerd.socket
say directory_mode "$(stat -c %a "$(dirname "$socket")")"
say socket_mode "$(stat -c %a "$socket")"
say service_before "$(unit is-active clavigerd.service || true)"
say token "$(token)"
first=$(pid)
say limits "$(tr '\n' ' ' < "$seen")"
say core_limit "$(awk '/^Max core file size/ { print $5 }' "/proc/$first/limits")"

"$claviger" daemon stop 2>/dev/null
say socket_after_stop "$(unit is-active clavigerd.socket || true)"
say token_after_stop "$(token)"
second=$(pid)
say another_daemon "$([ "$second" != "$first" ] && echo yes || echo no)"

unit kill --signal=KILL clavigerd.service
say token_after_kill "$(token)"

mkdir -p "$HOME/.config/systemd/user/clavigerd.service.d"
cp "$HOME/setgid-helpers.conf" "$HOME/.config/systemd/user/clavigerd.service.d/"
unit daemon-reload
unit restart clavigerd.service
say token_relaxed "$(token)"
say limits_relaxed "$(tr '\n' ' ' < "$seen")"

unit stop clavigerd.socket clavigerd.service
say socket_at_end "$([ -e "$socket" ] && echo there || echo gone)"
