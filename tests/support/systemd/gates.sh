# What is open lives on while the manager restarts or stops the service.
. "$(dirname "$0")/common.sh"
unit start clavigerd.socket
"$claviger" --no-start exec --gate -- sh -c 'echo "$ANTHROPIC_UNIX_SOCKET" > "$HOME/new"; mv "$HOME/new" "$HOME/gate"; exec sleep 100' &
session=$!
until_true test -s "$HOME/gate"
gate=$(cat "$HOME/gate")
# The process that serves, and not the one that starts it.
server() { ps -e -o pid=,args= | awk '$2 == "clavigerd-gate" && $3 == "--serve" {print $1}'; }
sent() { curl --silent --max-time 20 --output /dev/null --write-out '%{http_code}' --unix-socket "$gate" http://localhost/v1/models; }
first=$(server)
say servers "$(echo "$first" | wc -w)"
say sent "$(sent)"

# A request runs through a restart: the API answers when there is a file.
curl --silent --max-time 60 --output /dev/null --write-out '%{http_code}' --unix-socket "$gate" http://localhost/slow > "$HOME/slow" &
slow=$!
until_true test -e "$HOME/asked"
begin=$(now)
unit restart clavigerd.service
say restart_took $(($(now) - begin))
say same_after_restart "$([ "$(server)" = "$first" ] && echo yes || echo no)"
say sent_after_restart "$(sent)"
echo > "$HOME/go"
wait "$slow" || true
say slow "$(cat "$HOME/slow")"

"$claviger" daemon restart 2> /dev/null
say same_after_handover "$([ "$(server)" = "$first" ] && echo yes || echo no)"
say sent_after_handover "$(sent)"

# A stop ends the daemon, and its socket starts the next one for the next request.
begin=$(now)
unit stop clavigerd.service > /dev/null
say stop_took $(($(now) - begin))
say same_after_stop "$([ "$(server)" = "$first" ] && echo yes || echo no)"
say sent_after_stop "$(sent)"

# A daemon that crashes is another matter for the manager.
daemon=$(pid)
[ "$daemon" != 0 ] || exit 0
kill -9 "$daemon"
say sent_after_kill "$(sent)"
say same_after_kill "$([ "$(server)" = "$first" ] && echo yes || echo no)"

# With the session its gate ends, and with the last one the program.
kill "$session"
wait "$session" || true
is_gone() { [ -z "$(server)" ]; }
until_true is_gone
say socket_of_gate "$([ -e "$gate" ] && echo there || echo gone)"
last_words
