#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian packages that these tests start programs of, where they are missing. Debian's own services of
# these packages are neither started nor enabled.
set -eu

missing=
command -v redis-server >/dev/null || missing="redis-server"
ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || missing="$missing postgresql"
command -v chromium >/dev/null || missing="$missing chromium fonts-dejavu-core"
command -v chromedriver >/dev/null || missing="$missing chromium-driver"
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ]; then
    if command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
        exec sudo sh "$0"
    fi
    echo "make system needs packages of Debian. Type, as root: sh tests/system/install.sh" >&2
    exit 1
fi
if ! command -v apt-get >/dev/null; then
    echo "make system needs redis-server, PostgreSQL and Chromium, and there is no apt-get to install: $missing" >&2
    exit 1
fi

# What Debian asks before it starts a service; containers usually have one that forbids it.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 1' HUP INT TERM
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
fi

export DEBIAN_FRONTEND=noninteractive
apt-get update --quiet --quiet
# shellcheck disable=SC2086  # words
apt-get install --quiet --yes --no-install-recommends $missing
for package in $missing; do
    case $package in
        redis-server | postgresql) update-rc.d "$package" disable ;;
    esac
done
