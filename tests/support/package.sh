#!/bin/sh
# Installs the package $1, uses it, and purges it. /usr, /etc and /var are overlays in a mount namespace, so nothing of
# the machine changes. Prints what it sees as NAME=VALUE. $2 is a directory for the overlays.
set -eu
package=$1 upper=$2
. "$(dirname "$0")/user_manager.sh"

mount -t tmpfs tmpfs "$upper"
for below in usr etc var; do
    mkdir "$upper/$below" "$upper/$below.work"
    mount -t overlay overlay -o "lowerdir=/$below,upperdir=$upper/$below,workdir=$upper/$below.work" "/$below"
done
# Everything but the data of the user, what dpkg and man-db note about themselves, and what others keep for a while.
list() {
    find /usr /etc /var "$HOME" \( -path /var/lib/dpkg -o -path /var/cache -o -path /var/log -o -path /var/tmp -o -path "$HOME/.local" \) \
        -prune -o \( -type d -printf '%p %y %m %U\n' \) -o -printf '%p %y %m %U %s %l\n' | sort
}
dpkg_quietly() { dpkg --force-unsafe-io --path-include='/usr/*' "$@" >"$upper/dpkg.log" 2>&1 || { say dpkg "$(cat "$upper/dpkg.log")"; exit 0; }; }

list >"$upper/before"
dpkg_quietly --install "$package"
say status "$(dpkg-query -W -f '${db:Status-Status}' claviger)"
say verify "$(dpkg --verify claviger)"
say files "$(dpkg -L claviger | while read -r file; do [ -d "$file" ] || stat -c '%n %a %u' "$file"; done)"
say enabled "$(systemctl --global is-enabled clavigerd.socket 2>&1 || true)"
say page "$(LC_ALL=C.UTF-8 MANPAGER=cat man claviger 2>&1 | grep -cE '^(NAME|SYNOPSIS|OPTIONS|SUBCOMMANDS)$|Exit codes:|Files:')"
say pages_wrong "$(for page in /usr/share/man/man1/claviger*; do LC_ALL=C.UTF-8 man --warnings -l "$page" 2>&1 >/dev/null; done)"
say whatis "$(lexgrog /usr/share/man/man1/clavigerd.1.gz 2>&1 | grep -c 'clavigerd - ' || true)"
say completion "$(bash --norc -c '. /usr/share/bash-completion/completions/claviger
    COMP_WORDS=(claviger daemon un) COMP_CWORD=2
    _clap_complete_claviger claviger un && echo "${COMPREPLY[*]}"' 2>&1)"

start_manager
say socket "$(unit is-active clavigerd.socket || true)"
say token "$(claviger --no-start token 2>&1)"
say program "$(program "$(pid)")"
say service "$(claviger daemon status >/dev/null 2>&1; echo $?)"
say install "$(claviger daemon install 2>&1)"
say user_units "$(find "$HOME/.config" -name 'clavigerd*')"
unit stop clavigerd.socket clavigerd.service

dpkg_quietly --purge claviger
list >"$upper/after"
say left "$(diff "$upper/before" "$upper/after" || true)"
say known "$(dpkg-query -W -f '${db:Status-Status}' claviger 2>/dev/null || echo no)"
