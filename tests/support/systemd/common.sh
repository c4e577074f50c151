# What the scripts here share: a user manager that runs, and words for what is asked of it. They print what they see as
# NAME=VALUE.
set -eu
claviger=$HOME/bin/claviger
seen=$HOME/seen
socket=$XDG_RUNTIME_DIR/claviger/claviger.sock
drop_ins=$HOME/.config/systemd/user/clavigerd.service.d
say() { printf '%s=%s\n' "$1" "$2"; }
unit() { systemctl --user "$@" 2>&1; }
of() { unit show -p "$1" --value clavigerd.service; }
pid() { of MainPID; }
token() { "$claviger" --no-start token 2>&1; }
now() { date +%s%3N; }
# Confines the service as far as systemd can. The test's home is in /tmp, and must stay in sight.
be_strict() {
    mkdir -p "$drop_ins"
    cp "$HOME/strict.conf" "$drop_ins/"
    printf '[Service]\nBindPaths=%s\n' "$(dirname "$HOME")" > "$drop_ins/test.conf"
    unit daemon-reload
}
# Polls until the command succeeds, for 20 s at most.
until_true() {
    tries=0
    until "$@" > /dev/null 2>&1; do
        tries=$((tries + 1))
        [ "$tries" -lt 1000 ] || { say gave_up "$*"; exit 0; }
        sleep 0.02
    done
}
is_up() { unit is-system-running | grep -qE 'running|degraded'; }
# What is left when both units are stopped: nothing but the manager and this script.
last_words() {
    unit stop clavigerd.socket clavigerd.service
    say socket_at_end "$([ -e "$socket" ] && echo there || echo gone)"
    say left "$(ps -e -o comm= | grep -E 'clavigerd|helper|browser' | tr '\n' ' ' || true)"
    kill -TERM "$manager" && wait "$manager" || true
}

/lib/systemd/systemd --user --unit=basic.target > "$HOME/manager.log" 2>&1 &
manager=$!
until_true is_up
