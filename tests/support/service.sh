#!/bin/sh
# `claviger daemon` without a user manager, and under a real `systemd --user`. Prints what it sees as NAME=VALUE.
# $1 is a directory with both programs, $2 one with copies of them, $3 one with copies that a unit cannot name.
set -eu
claviger=$1/claviger other=$2/claviger odd=$3/claviger
units=$HOME/.config/systemd/user
. "$(dirname "$0")/user_manager.sh"
service() { "$claviger" daemon "$@" 2>&1; }
code() { "$@" >/dev/null 2>&1 && echo 0 || echo $?; }
list() { find "$HOME" -path "$HOME/.local" -prune -o -print | sort; }
field() { "$claviger" daemon status --json 2>/dev/null | python3 -c "import json, sys; print(json.load(sys.stdin)$1)"; }

before=$(list)
say odd_code "$(code "$odd" daemon install)"
say odd_left "$([ "$(list)" = "$before" ] && echo nothing || list)"

# This user has no service manager yet, as in a container that is being built, or over `sudo -u`.
say alone_status "$(code service status)"
say alone_dry "$(service install --dry-run)"
say alone_dry_left "$([ "$(list)" = "$before" ] && echo nothing || list)"
say alone_install "$(service install | grep -c 'next login')"
say alone_link "$(readlink "$units/sockets.target.wants/clavigerd.socket")"
say alone_again "$(service install | head -1)"
say alone_uninstall "$(code service uninstall)"
say alone_left "$([ "$(list)" = "$before" ] && echo nothing || list)"

# A daemon that a client started holds the socket.
say token_on_demand "$("$claviger" token)"
first=$(field "['daemon']['pid']")
say first_by "$(field "['daemon']['started_by']")"
start_manager
say dry "$(service install --dry-run | tail -2 | sed "s/$first/PID/")"
say install_code "$(code service install)"
say first_alive "$(code kill -0 "$first")"
say asleep "$(field "['daemon']")"
say token_of_unit "$("$claviger" --no-start token)"
say started_by "$(field "['daemon']['started_by']")"
say same_pid "$([ "$(field "['daemon']['pid']")" = "$(pid)" ] && echo yes || echo no)"
say program "$(program "$(pid)")"
say status "$(code service status)"
say again "$(service install)"

# Another installation takes over, and gives back.
mkdir "$units/clavigerd.service.d"
printf '[Service]\nEnvironment=KEPT=1\n' >"$units/clavigerd.service.d/own.conf"
unit daemon-reload
say outdated "$(code "$other" daemon status)"
say other_code "$(code "$other" daemon install)"
say token_of_other "$("$claviger" --no-start token)"
say other_program "$(program "$(pid)")"
say back "$(service install | grep -c ^replaced)"
say token_of_back "$("$claviger" --no-start token)"
say back_program "$(program "$(pid)")"

# A unit is edited by hand.
echo '# mine' >>"$units/clavigerd.service"
unit daemon-reload
say edited_status "$(code service status)"
say edited_install "$(service install | grep -c 'was edited')"
say edited_uninstall "$(service uninstall | grep -c 'was edited and stays')"
say edited_stays "$(tail -1 "$units/clavigerd.service")"
say socket_off "$(unit is-active clavigerd.socket || true)"
say forced "$(code service uninstall --force)"
say drop_in "$(cat "$units/clavigerd.service.d/own.conf")"
rm -r "$units/clavigerd.service.d"
rmdir "$units" "$HOME/.config/systemd"
say left "$([ "$(list)" = "$before" ] && echo nothing || list)"
say uninstall_again "$(service uninstall)"
say token_at_last "$("$claviger" token)"
"$claviger" daemon stop 2>/dev/null
