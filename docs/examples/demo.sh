#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A whole M2M system on this machine: a network SCL, a gateway SCL and a device SCL registered with
# it, hostmon publishing at the gateway and at the device, and the watcher at the network SCL
# printing what arrives. Ctrl-C ends it; started again it continues with the stored data.

usage()
{
	cat <<END
usage: demo.sh [--count VALUES]

  --count VALUES      end after the watcher has printed that many values

environment:
  OPENSCL_BUILD       build directory or installation prefix (now: $build)
  OPENSCL_DATA        data directory, kept between runs (now: $data)
  OPENSCL_NSCL_PORT   ports on 127.0.0.1 (now: $nscl_port, $gscl_port, $dscl_port); the stored
  OPENSCL_GSCL_PORT   registrations contain them, so they stay the same for a data directory
  OPENSCL_DSCL_PORT
END
}

build=${OPENSCL_BUILD:-.}
data=${OPENSCL_DATA:-./openscl-data}
nscl_port=${OPENSCL_NSCL_PORT:-18080}
gscl_port=${OPENSCL_GSCL_PORT:-18081}
dscl_port=${OPENSCL_DSCL_PORT:-18082}

nscl_uri=http://127.0.0.1:$nscl_port/m2m
gscl_uri=http://127.0.0.1:$gscl_port/m2m
dscl_uri=http://127.0.0.1:$dscl_port/m2m

ready_seconds=30	# for a daemon to serve
stop_seconds=15		# for a process to end after SIGTERM

children=	# "name:pid ...", the one started last first
stopping=	# set by a signal

fail()
{
	echo "demo.sh: $*" >&2
	stop_all
	exit 1
}

# Path of a program in a build directory or below an installation prefix.
program()
{
	for candidate in "$build/$1/$1" "$build/docs/examples/$1/$1" "$build/bin/$1" \
		"$build/sbin/$1"; do
		if [ -f "$candidate" ] && [ -x "$candidate" ]; then
			echo "$candidate"
			return
		fi
	done
	echo "demo.sh: no $1 in $build: set OPENSCL_BUILD to the build directory" >&2
	return 1
}

# Starts a process out of reach of the terminal's Ctrl-C: the order in which they end matters.
start()
{
	name=$1
	shift
	setsid "$@" </dev/null &
	children="$name:$! $children"
}

# Waits for the process and says what its status was.
reap()
{
	wait "$1" 2>/dev/null
}

alive()
{
	kill -0 "$1" 2>/dev/null
}

stop_one()
{
	kill -TERM "$1" 2>/dev/null
	tenths=$((stop_seconds * 10))
	while alive "$1" && [ $tenths -gt 0 ]; do
		sleep 0.1
		tenths=$((tenths - 1))
	done
	kill -KILL "$1" 2>/dev/null
	reap "$1"
}

# Ends what runs, the watcher first and the network SCL last: each finds its SCL still there.
stop_all()
{
	for child in $children; do
		stop_one "${child#*:}"
	done
	children=
}

# A process ended: that is right for a watcher that has seen enough, and for nothing else.
child_ended()
{
	reap "$2"
	status=$?
	if [ "$1" = watcher ] && [ $status -eq 0 ]; then
		stop_all
		exit 0
	fi
	echo "demo.sh: $1 ended with status $status; the end of $data/$1.log:" >&2
	tail -n 20 "$data/$1.log" >&2
	fail "stopping everything"
}

check_children()
{
	if [ -n "$stopping" ]; then
		echo "demo.sh: stopping, the data stays in $data" >&2
		stop_all
		exit 0
	fi
	for child in $children; do
		alive "${child#*:}" || child_ended "${child%%:*}" "${child#*:}"
	done
}

wait_ready()
{
	tenths=$((ready_seconds * 10))
	until grep -q '^ready' "$data/$1.out"; do
		check_children
		[ $tenths -gt 0 ] || fail "$1 is not ready after $ready_seconds seconds"
		sleep 0.1
		tenths=$((tenths - 1))
	done
}

# write_config NAME SERVED PORT [NSCL]: everybody may do everything, for a demonstration on the
# loopback interface.
write_config()
{
	register=
	[ -z "$4" ] || register="register = { nscl = [ \"$4\" ]; lifetime = 1800; };"
	store=$(printf '%s\n' "$data/$1" | sed 's/["\\]/\\&/g')
	cat >"$data/$1.conf" <<END
# Written by demo.sh at every start.
scl = { id = "$1-demo"; base = "m2m"; };
store = { engine = "lmdb"; path = "$store"; };
listeners = ( { address = "127.0.0.1"; port = $3; security = "none"; serve = [ $2 ]; } );
$register
access_rights = ( {
	id = "default";
	permissions = ( {
		id = "everyone";
		flags = [ "READ", "WRITE", "CREATE", "DELETE", "DISCOVER" ];
		holders = { all = true; };
	} );
	self_permissions = ( {
		id = "everyone";
		flags = [ "READ" ];
		holders = { all = true; };
	} );
} );
default_access_right = "default";
log = { level = "info"; };
END
}

# start_daemon NAME PROGRAM
start_daemon()
{
	: >"$data/$1.out"
	start "$1" "$2" -c "$data/$1.conf" >"$data/$1.out" 2>"$data/$1.log"
	wait_ready "$1"
	echo "demo.sh: $1 $(cat "$data/$1.out")"
}

# start_hostmon SCL URI; it stays registered for 30 days, so that its data outlives a pause.
start_hostmon()
{
	start "hostmon-$1" "$hostmon" --scl "$2" --lifetime 2592000 \
		>"$data/hostmon-$1.out" 2>"$data/hostmon-$1.log"
}

explain()
{
	cat <<END

Browse the trees while this runs, or read what the device measured through the network SCL:

  curl -H 'From: http://127.0.0.1/me' $nscl_uri/scls
  curl -H 'From: http://127.0.0.1/me' $dscl_uri/applications/hostmon/containers
  curl -H 'From: http://127.0.0.1/me' --request-target \\
      $dscl_uri/applications/hostmon/containers/cpu/contentInstances/latest/content \\
      $nscl_uri

END
}

count=
if [ $# -gt 2 ]; then
	usage >&2
	exit 2
fi
case $1 in
'')
	;;
--count)
	count=$2
	case $count in
	'' | *[!0-9]*)
		usage >&2
		exit 2
		;;
	esac
	;;
--help)
	usage
	exit 0
	;;
*)
	usage >&2
	exit 2
	;;
esac

nscl=$(program nscl) && gscl=$(program gscl) && dscl=$(program dscl) &&
	hostmon=$(program hostmon) && watcher=$(program watcher) || exit 1

mkdir -p "$data" || exit 1
data=$(cd "$data" && pwd) || exit 1

trap 'stopping=yes' INT TERM HUP

write_config nscl '"mia", "mid"' "$nscl_port"
write_config gscl '"dia", "mid"' "$gscl_port" "$nscl_uri"
write_config dscl '"dia", "mid"' "$dscl_port" "$nscl_uri"

start_daemon nscl "$nscl"
start_daemon gscl "$gscl"
start_daemon dscl "$dscl"
start_hostmon gscl "$gscl_uri"
start_hostmon dscl "$dscl_uri"
explain
start watcher "$watcher" --nscl "$nscl_uri" ${count:+--count "$count"} 2>"$data/watcher.log"

while :; do
	check_children
	sleep 0.5
done
