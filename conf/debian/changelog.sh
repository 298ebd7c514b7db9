#!/bin/sh
# SPDX-License-Identifier: ISC
# changelog.sh: Debian's changelog, made of NEWS. An entry there begins at the margin, with a
# version and its date, or "in work", for which the file's own time stands.
#
#   conf/debian/changelog.sh VERSION <NEWS
#
# NEWS has to begin with that version, which is configure.ac's.
set -eu
date=

finish() {
    [ -z "$date" ] || printf ' -- %s  %s\n\n' 'The fcgiwait authors <fcgiwait@fcgiwait.invalid>' "$date"
}

while IFS= read -r line; do
    case $line in
    [0-9]*)
        finish
        number=${line%%,*}
        when=${line#*, }
        [ -n "$date" ] || [ "$number" = "$1" ] || {
            echo "changelog.sh: NEWS begins with $number, configure.ac has $1" >&2
            exit 1
        }
        [ "$when" != 'in work' ] || when=@${SOURCE_DATE_EPOCH:-$(stat -L -c %Y /dev/stdin)}
        date=$(date -u -R -d "$when")
        printf 'fcgiwait (%s) unstable; urgency=medium\n' "$number"
        ;;
    *) [ -z "$date" ] || printf '%s\n' "$line" ;;
    esac
done
echo
finish
