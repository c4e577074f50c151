#!/bin/sh
# Runs one of the scripts in systemd/ under a real `systemd --user` of an ordinary user, in namespaces of its own:
# everything ends with this script. HOME and XDG_RUNTIME_DIR are the test's; $1 is the script, $2 the directory of our
# programs, $3 a file that stands in for managed settings of root, if there is one.
set -eu
user=4242
mkdir -p /run/systemd
mount -t tmpfs tmpfs /run/systemd
# systemctl takes this directory for the sign that systemd runs here.
mkdir /run/systemd/system
mount -t cgroup2 cgroup2 /sys/fs/cgroup
# Wherever they were built, this user can get at them here.
mkdir -p "$HOME/bin"
for program in claviger clavigerd clavigerd-fetch clavigerd-gate; do
    : > "$HOME/bin/$program"
    mount --bind "$2/$program" "$HOME/bin/$program"
done
if [ -n "${3:-}" ]; then
    mkdir /run/systemd/etc
    cp -a /etc/. /run/systemd/etc
    mount --bind /run/systemd/etc /etc
    mkdir -p /etc/claude-code
    install -m 644 "$3" /etc/claude-code/managed-settings.json
fi
chmod 711 "$(dirname "$HOME")"
find "$(dirname "$HOME")" ! -path "$HOME/bin/*" -exec chown -h "$user:$user" {} +
group=$(mktemp -d /sys/fs/cgroup/claviger.XXXXXX)
chown "$user" "$group" "$group"/*

code=0
(
    sh -c 'echo $PPID' > "$group/cgroup.procs"
    exec setpriv --reuid="$user" --regid="$user" --clear-groups sh "$1"
) || code=$?
find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || true
exit "$code"
