#!/bin/bash
# SPDX-License-Identifier: ISC
# life.sh: the package is installed, used, upgraded under load, removed and purged. Runs as root on
# a machine that is thrown away afterwards, with systemd, nginx and curl; see run.sh.
#
# Here lie /root/fcgiwait.deb, and /root/next.deb with a higher version.
set -u
url=http://127.0.0.1:8080
examples=/usr/share/doc/fcgiwait/nginx-examples
site=/srv/site
conf=/etc/fcgiwait/fcgiwait.conf
failed=0

promise() {
    local what=$1
    shift
    if "$@" >/tmp/promise.log 2>&1; then
        echo "ok $what"
    else
        echo "not ok $what"
        failed=1
        tail -n 20 /tmp/promise.log
        journalctl --no-pager -n 20 -t fcgiwait -t systemd
    fi
}

ask() {
    curl -sS --max-time 60 "$@"
}

status_of() {
    ask -o /dev/null -w '%{http_code}' "$@"
}

index_of() {
    ask -o /dev/null -D - "$1" | tr -d '\r' | sed -n 's/^X-Polling-Index: //p'
}

shown() {
    systemctl show -P "$2" "fcgiwait.$1"
}

active() {
    systemctl is-active fcgiwait.socket && systemctl is-active fcgiwait.service
}

# --- the promises ---

installs() {
    apt-get -y --no-install-recommends install /root/fcgiwait.deb
}

runs_as_its_user() {
    [ "$(ps -o user= -p "$(shown service MainPID)" 2>/dev/null ||
        stat -c %U "/proc/$(shown service MainPID)")" = fcgiwait ] &&
        [ "$(stat -c '%U %a' /var/lib/fcgiwait)" = 'fcgiwait 750' ]
}

survives_a_boot() {
    [ "$(systemctl is-enabled fcgiwait.socket fcgiwait.service | uniq)" = enabled ]
}

only_the_web_server_connects() {
    local socket=/run/fcgiwait/fcgiwait.sock
    setpriv --reuid=www-data --regid=www-data --clear-groups test -w $socket &&
        ! setpriv --reuid=nobody --regid=nogroup --clear-groups test -w $socket
}

# The example as it was installed.
nginx_starts() {
    mkdir -p $site && cp -r $examples/www $site && nginx -p $site -c $examples/longpoll.conf &&
        [ "$(status_of $url/health)" = 200 ]
}

publishes() {
    [ "$(status_of -X PUT -H 'Content-Type: text/plain' --data "$2" "$url/publish$1")" = "$3" ]
}

holds_until_a_change() {
    local index
    publishes /live/a one 201 && index=$(index_of $url/live/a) && [ -n "$index" ] || return
    ask "$url/live/a?index=$index&wait=30" >/tmp/held &
    until ask $url/status | grep -q '"waiting": *1\b'; do sleep 0.1; done
    publishes /live/a two 204 && wait $! && [ "$(cat /tmp/held)" = two ]
}

expires() {
    [ "$(status_of "$url/live/a?index=$(index_of $url/live/a)&wait=1")" = 304 ]
}

has_manuals() {
    local page
    for page in man8/fcgiwait.8 man5/fcgiwait.conf.5; do
        # a minimal Debian may be told to leave out manuals
        grep -rqs 'path-exclude=/usr/share/man' /etc/dpkg || [ -s "/usr/share/man/$page.gz" ] || return
    done
}

# --- load ---

# One client: it asks again with what it knows.
poll() {
    local index=0
    until [ -e /tmp/stop ]; do
        ask -D "/tmp/head.$1" -o /dev/null -w '%{http_code}\n' \
            "$url/live/r$(($1 % 4))?index=$index&wait=2" >>"/tmp/polls.$1" 2>&1
        index=$(tr -d '\r' <"/tmp/head.$1" | sed -n 's/^X-Polling-Index: //p')
    done
}

# One client of a stream: it comes back with the last id. All is kept, headers and events.
stream() {
    local last=
    : >"/tmp/stream.$1"
    until [ -e /tmp/stop.streams ]; do
        curl -sSNi --max-time 120 -H 'Accept: text/event-stream' ${last:+-H "Last-Event-ID: $last"} \
            "$url/live/r$(($1 % 4))" >>"/tmp/stream.$1" 2>&1 &
        echo $! >"/tmp/streaming.$1"
        wait $!
        last=$(sed -n 's/^id: //p' "/tmp/stream.$1" | tail -n 1)
    done
}

get() {
    until [ -e /tmp/stop ]; do
        status_of $url/live/a >>"/tmp/gets.$1" 2>&1
        echo >>"/tmp/gets.$1"
    done
}

publish() {
    local number=0
    until [ -e /tmp/stop ]; do
        status_of -X PUT -H 'Content-Type: text/plain' --data "$1 $((number += 1))" \
            "$url/publish/live/r$1" >>"/tmp/puts.$1" 2>&1
        echo >>"/tmp/puts.$1"
        sleep 0.05
    done
}

start_load() {
    local i
    rm -f /tmp/stop /tmp/stop.streams /tmp/polls.* /tmp/gets.* /tmp/puts.*
    loads=() streams=()
    for i in {1..12}; do stream "$i" & streams+=($!); done
    for i in {1..12}; do poll "$i" & loads+=($!); done
    for i in 1 2; do get "$i" & loads+=($!); done
    for i in {0..3}; do publish "$i" & loads+=($!); done
}

# The numbers that a stream was told.
told() {
    tr -d '\r' <"/tmp/stream.$1" | sed -n 's/^data: [0-3] //p'
}

# Each has the last state, in order and nothing twice, and came back with 200.
end_streams() {
    local i _ open good=yes
    for i in {1..12}; do
        for _ in {1..300}; do
            [ "$(told "$i" | tail -n 1)" != "$(wc -l <"/tmp/puts.$((i % 4))")" ] || break
            sleep 0.1
        done
        echo "stream $i: $(grep -c '^HTTP/' "/tmp/stream.$i") answers, $(told "$i" | wc -l) states," \
            "the last is $(told "$i" | tail -n 1) of $(wc -l <"/tmp/puts.$((i % 4))")"
        [ "$(told "$i" | tail -n 1)" = "$(wc -l <"/tmp/puts.$((i % 4))")" ] &&
            told "$i" | sort -nuC && [ "$(grep -c '^HTTP/' "/tmp/stream.$i")" -ge 2 ] &&
            ! grep '^HTTP/' "/tmp/stream.$i" | grep -v '^HTTP/1.1 200 ' &&
            ! grep '^curl' "/tmp/stream.$i" || good=
    done
    touch /tmp/stop.streams
    mapfile -t open < <(cat /tmp/streaming.*)
    kill "${open[@]}"
    wait "${streams[@]}"
    [ -n "$good" ]
}

enough() {
    [ "$(cat /tmp/polls.* | wc -l)" -ge 100 ] && [ "$(cat /tmp/gets.* | wc -l)" -ge 100 ] &&
        [ "$(cat /tmp/puts.* | wc -l)" -ge 100 ]
}

# Nobody may have had another answer than these. A busy machine takes longer to get enough of them.
end_load() {
    local _
    for _ in {1..600}; do
        ! enough || break
        sleep 0.1
    done
    touch /tmp/stop
    wait "${loads[@]}"
    end_streams || return
    cat /tmp/polls.* | sort | uniq -c
    cat /tmp/gets.* | sort | uniq -c
    cat /tmp/puts.* | sort | uniq -c
    enough && ! grep -hvxE '200|304|404' /tmp/polls.* && ! grep -hvx 200 /tmp/gets.* &&
        ! grep -hvxE '201|204' /tmp/puts.*
}

upgrades() {
    local before since
    sed -i 's/default = "15s"/default = "14s"/' $conf
    echo '// mine' >/etc/fcgiwait/mine.conf
    before=$(shown service MainPID)
    since=$(shown socket ActiveEnterTimestampMonotonic)
    start_load
    sleep 1
    dpkg --force-confdef --force-confold -i /root/next.deb
    sleep 1
    end_load || return
    active && [ "$(shown service MainPID)" != "$before" ] &&
        [ "$(shown socket ActiveEnterTimestampMonotonic)" = "$since" ] &&
        dpkg-query -W -f '${Version}' fcgiwait | grep -q '+next$'
}

# But that a container may not let it have more descriptors.
logged_no_error() {
    [ -e $site/error.log ] && ! grep -v 'setrlimit(RLIMIT_NOFILE' $site/error.log
}

keeps_what_is_the_users() {
    grep -q 'default = "14s"' $conf && [ "$(ask $url/live/a)" = two ]
}

# --- the unit ---

# Stopping may take longer than TimeoutStopSec where a drain is configured.
drains() {
    mkdir -p /run/systemd/system/fcgiwait.service.d
    printf '[Service]\nTimeoutStopSec=3\n' >/run/systemd/system/fcgiwait.service.d/short.conf
    systemctl daemon-reload
    sed -i 's/^drain = "0s"/drain = "8s"/' $conf
    systemctl restart fcgiwait.service
    local i waits=()
    for i in {1..20}; do
        status_of "$url/live/a?index=$(index_of $url/live/a)&wait=50" >"/tmp/drain.$i" &
        waits+=($!)
    done
    until ask $url/status | grep -q '"waiting": *20\b'; do sleep 0.1; done
    SECONDS=0
    systemctl stop fcgiwait.service
    wait "${waits[@]}"
    echo "stopped after $SECONDS s: $(shown service Result), $(cat /tmp/drain.*)"
    [ "$(shown service Result)" = success ] && [ "$SECONDS" -ge 4 ] &&
        [ "$(cat /tmp/drain.* | fold -w 3 | sort -u)" = 304 ]
}

gives_up_what_no_start_mends() {
    local before
    cp $conf /root/good.conf
    before=$(shown service NRestarts)
    echo 'max_waiting = "many";' >>$conf
    ! systemctl start fcgiwait.service || return
    sleep 2
    [ "$(shown service ExecMainStatus)" = 78 ] && [ "$(shown service NRestarts)" = "$before" ] &&
        [ "$(shown service ActiveState)" = failed ] && cp /root/good.conf $conf &&
        systemctl reset-failed 'fcgiwait*' && systemctl start fcgiwait.socket fcgiwait.service &&
        active
}

# The service alone would be started by the next request.
stays_stopped() {
    systemctl stop fcgiwait.socket || return
    [ "$(status_of $url/live/a)" = 502 ] && [ "$(status_of $url/live/a)" = 502 ] &&
        [ "$(shown service ActiveState)" = inactive ] && systemctl start fcgiwait.socket &&
        [ "$(status_of $url/live/a)" = 200 ] && active
}

# As fcgiwait(8) says, whatever its requests have made of it.
is_mended_by_a_restart() {
    local polls failed='' _
    cp $conf /root/good.conf
    rm -f /tmp/mended
    until [ -e /tmp/mended ]; do
        status_of $url/live/a >/dev/null 2>&1
        sleep 0.01
    done &
    polls=$!
    echo 'max_waiting = "many";' >>$conf
    systemctl restart fcgiwait.service || failed=yes
    for _ in {1..100}; do
        [ "$(shown socket Result)" != trigger-limit-hit ] || break
        sleep 0.1
    done
    echo "the socket: $(shown socket Result)"
    cp /root/good.conf $conf
    touch /tmp/mended
    wait "$polls"
    systemctl restart fcgiwait.service
    [ "$failed" = yes ] && active && [ "$(status_of $url/live/a)" = 200 ]
}

starts_again_after_a_crash() {
    local before _
    before=$(shown service MainPID)
    kill -KILL "$before"
    for _ in {1..300}; do
        [ "$(shown service MainPID)" = "$before" ] || ! active >/dev/null || return 0
        sleep 0.1
    done
    return 1
}

removes() {
    apt-get -y remove fcgiwait && [ -s $conf ] && [ -d /var/lib/fcgiwait ] &&
        [ ! -e /run/fcgiwait/fcgiwait.sock ] && ! pgrep -x fcgiwait
}

purges() {
    local left
    dpkg --purge fcgiwait || return
    left=$(find / -xdev \( -path /proc -o -path /sys -o -path /root -o -path /var/log \
        -o -path /var/cache/apt -o -path "$site" \) -prune -o -name '*fcgiwait*' -print \
        -o -nouser -print -o -nogroup -print)
    grep fcgiwait /etc/passwd /etc/group /etc/shadow
    echo "left: $left"
    # A file that is the administrator's own is nobody else's to remove.
    [ "$left" = /etc/fcgiwait ] && [ "$(ls -A /etc/fcgiwait)" = mine.conf ] &&
        ! grep -q fcgiwait /etc/passwd /etc/group
}

promise 'it installs with apt-get' installs
promise 'the socket listens and the service runs' active
promise 'it runs as fcgiwait, and its folder is its own' runs_as_its_user
promise 'it is there after a boot' survives_a_boot
promise 'nobody but the web server connects' only_the_web_server_connects
promise 'the manuals are there' has_manuals
promise 'nginx starts with the installed example' nginx_starts
promise 'a request is held until its resource changes' holds_until_a_change
promise 'a wait expires' expires
promise 'an upgrade under load loses no request and no stream, and the socket stays' upgrades
promise 'nginx has logged no error' logged_no_error
promise 'the configuration and the documents stay as they were' keeps_what_is_the_users
promise 'it starts again after a crash' starts_again_after_a_crash
promise 'a drain is not cut short' drains
promise 'a wrong configuration is not tried again and again' gives_up_what_no_start_mends
promise 'what is stopped with its socket stays so' stays_stopped
promise 'a wrong configuration that requests wait for is mended by a restart' is_mended_by_a_restart
promise 'removing it leaves the configuration and the documents' removes
promise 'purging it leaves nothing' purges
exit $failed
