#!/bin/sh
# Runs a command as on a machine whose administrator manages no settings. Needs a mount namespace that is not shared with
# anything else.
set -eu
if [ -e /etc/claude-code ]; then
    etc=$(mktemp -d)
    mount -t tmpfs tmpfs "$etc"
    cp -a /etc/. "$etc"
    rm -rf "$etc/claude-code"
    mount --move "$etc" /etc
    rmdir "$etc"
fi
exec "$@"
