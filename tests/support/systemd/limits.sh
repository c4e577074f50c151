# Activation, and the limits that helpers live in. $HOME/strict says that the strict drop-in is to be used.
. "$(dirname "$0")/common.sh"
[ ! -e "$HOME/strict" ] || be_strict
unit start clavigerd.socket
say directory_mode "$(stat -c %a "$(dirname "$socket")")"
say socket_mode "$(stat -c %a "$socket")"
say service_before "$(unit is-active clavigerd.service || true)"
say token "$(token)"
first=$(pid)
say limits "$(tr '\n' ' ' < "$seen")"
until_true test -s "$HOME/browser"
say browser "$(tr '\n' ' ' < "$HOME/browser")"
say core_limit "$(awk '/^Max core file size/ { print $5 }' "/proc/$first/limits")"
say managed "$("$claviger" explain --json | tr -d ' \n' | grep -o '"file":"/etc/claude-code/managed-settings.json"[^}]*' | grep -oE '"state":"[^"]*"' || true)"

# The store of files works: a child of the daemon seals the key.
echo sk-canary-stored | "$claviger" login stored --api-key > /dev/null 2>&1 || say login failed
say stored "$("$claviger" accounts --json | tr -d ' \n' | grep -o '"name":"stored"' || true)"

"$claviger" daemon stop 2>/dev/null
say socket_after_stop "$(unit is-active clavigerd.socket || true)"
say token_after_stop "$(token)"
say another_daemon "$([ "$(pid)" != "$first" ] && echo yes || echo no)"

unit kill --signal=KILL clavigerd.service
say token_after_kill "$(token)"

rm -rf "$drop_ins"
mkdir -p "$drop_ins"
cp "$HOME/setgid-helpers.conf" "$drop_ins/"
unit daemon-reload
unit restart clavigerd.service
# The manager has kept the cache: the helper runs again at the next request.
"$claviger" --no-start refresh > /dev/null 2>&1 || say refresh failed
say token_relaxed "$(token)"
"$claviger" refresh > /dev/null 2>&1
say limits_relaxed "$(tr '\n' ' ' < "$seen")"
last_words
