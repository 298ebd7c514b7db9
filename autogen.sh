#!/bin/sh
# SPDX-License-Identifier: ISC
# Makes ./configure from configure.ac.
set -eu
cd "$(dirname "$0")"
for program in autoreconf automake pkg-config; do
    command -v $program >/dev/null || {
        echo "autogen.sh: $program is missing." \
            "On Debian: apt-get install autoconf automake pkg-config" >&2
        exit 1
    }
done
exec autoreconf --install --force
