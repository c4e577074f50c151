# What a session is told in a user namespace, where managed settings cannot be told from a stranger's.
. "$(dirname "$0")/common.sh"
be_strict
unit start clavigerd.socket
code=0
said=$(token) || code=$?
say said "$code $(echo "$said" | tr '\n' ' ')"
last_words
