#!/bin/sh
# Installs the client `claviger` in a dev container. It runs as root in the directory of the feature, with the options of
# devcontainer-feature.json as variables.
set -eu

from=${FROM:-claviger}
to=/usr/local/bin
if ! [ -f "$from" ]; then
    echo "claviger: there is no $from: copy the program beside install.sh, or name it with the option \"from\"" >&2
    exit 1
fi
mkdir -p "$to"
case $from in
*.tar.gz | *.tgz)
    unpacked=$(mktemp -d)
    trap 'rm -rf "$unpacked"' EXIT
    tar -xzf "$from" -C "$unpacked"
    from=$(find "$unpacked" -type f -name claviger | head -n 1)
    if [ -z "$from" ]; then
        echo "claviger: there is no program claviger in the archive" >&2
        exit 1
    fi
    ;;
esac
cp "$from" "$to/claviger"
chmod 0755 "$to/claviger"
