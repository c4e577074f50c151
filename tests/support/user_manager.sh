# To be sourced by scripts that run in namespaces of their own: brings up a real `systemd --user`, which ends with them.
say() { printf '%s=%s\n' "$1" "$(printf '%s' "$2" | tr '\n' '|')"; }
unit() { systemctl --user "$@" 2>&1; }
pid() { unit show -p MainPID --value clavigerd.service; }
# The program that a process runs.
program() { readlink "/proc/$1/exe"; }

start_manager() {
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
}
