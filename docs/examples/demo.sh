#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A whole M2M system on this machine: a network SCL with its bootstrap and authentication servers, a
# gateway SCL and a device SCL that leave the "factory" with nothing but an identity and a trust
# anchor, get their keys from it, connect and register; hostmon publishing at the gateway and at the
# device, and the watcher at the network SCL printing what arrives. Ctrl-C ends it; started again it
# continues with the stored data and keys.

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
  OPENSCL_MID_PORTS   ports of mId at the three (now: $nscl_mid $gscl_mid $dscl_mid)
  OPENSCL_MSBF_PORT   port of the bootstrap server (now: $msbf_port)
END
}

build=${OPENSCL_BUILD:-.}
data=${OPENSCL_DATA:-./openscl-data}
nscl_port=${OPENSCL_NSCL_PORT:-18080}
gscl_port=${OPENSCL_GSCL_PORT:-18081}
dscl_port=${OPENSCL_DSCL_PORT:-18082}

msbf_port=${OPENSCL_MSBF_PORT:-18086}
set_mid_ports()
{
	nscl_mid=$1 gscl_mid=$2 dscl_mid=$3
}
# shellcheck disable=SC2086
set_mid_ports ${OPENSCL_MID_PORTS:-18083 18084 18085}

nscl_uri=https://localhost:$nscl_port/m2m
gscl_uri=https://localhost:$gscl_port/m2m
dscl_uri=https://localhost:$dscl_port/m2m

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

# Text in quotes for a configuration file.
quoted()
{
	printf '"%s"' "$(printf '%s\n' "$1" | sed 's/["\\]/\\&/g')"
}

# certificate NAME SUBJECT_ALT_NAME USE: a key and its certificate by the demonstration's authority.
certificate()
{
	[ -f "$pki/$1.pem" ] && return
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj "/CN=$1" \
		-CA "$pki/ca.pem" -CAkey "$pki/ca.key" -keyout "$pki/$1.key" -out "$pki/$1.pem" \
		-addext "subjectAltName=$2" -addext "extendedKeyUsage=$3" \
		-addext basicConstraints=critical,CA:FALSE 2>"$data/openssl.log" ||
		fail "openssl cannot make a certificate: $(cat "$data/openssl.log")"
}

# What a provider and a factory have: an authority, certificates of the servers, one for each
# device with its identifier, the provider's keys. Made once, for this machine alone.
make_credentials()
{
	umask 077
	mkdir -p "$pki" "$data/tokens" || exit 1
	[ -f "$pki/ca.pem" ] ||
		openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 \
			-subj "/CN=OpenSCL demonstration" -keyout "$pki/ca.key" -out "$pki/ca.pem" \
			-addext keyUsage=critical,keyCertSign,cRLSign 2>"$data/openssl.log" ||
		fail "openssl cannot make an authority: $(cat "$data/openssl.log")"
	certificate server "DNS:localhost,IP:127.0.0.1" serverAuth
	certificate gscl "URI:urn:m2m:ppid:$gscl_ppid" clientAuth
	certificate dscl "URI:urn:m2m:ppid:$dscl_ppid" clientAuth
	[ -f "$pki/master.kek" ] || openssl rand -hex 32 >"$pki/master.kek"
	[ -f "$pki/reject.key" ] || openssl genpkey -algorithm ed25519 -out "$pki/reject.key"
	[ -f "$data/tokens/admin" ] || openssl rand -hex 32 >"$data/tokens/admin"
	umask 022
}

# tokens SCL APPLICATION...: tokens of the applications, what the SCL knows of them, and for curl.
tokens()
{
	scl=$1
	shift
	umask 077
	: >"$data/$scl.tokens"
	for application in "$@"; do
		file=$data/tokens/$application
		[ -f "$file" ] || openssl rand -hex 16 >"$file"
		printf '%s %s\n' "$application" \
			"$(tr -d '\n' <"$file" | sha256sum | cut -d ' ' -f 1)" >>"$data/$scl.tokens"
		printf 'cacert = %s\nheader = "Authorization: Bearer %s"\n' \
			"$(quoted "$pki/ca.pem")" "$(cat "$file")" >"$data/$application.curl"
	done
	umask 022
}

# write_config NAME SERVED PORT MID_PORT MORE LISTENERS NAMES PSK_SERVED: every application may do everything.
write_config()
{
	cat >"$data/$1.conf" <<END
# Written by demo.sh at every start.
scl = { id = "$1-demo"; base = "m2m";$7 };
store = { engine = "lmdb"; path = $(quoted "$data/$1"); };
issuers = { tokens = $(quoted "$data/$1.tokens"); };
listeners = (
	{ address = "127.0.0.1"; port = $3; security = "certificate"; issuer = "proved"; serve = [ $2 ];
	  certificate = $(quoted "$pki/server.pem"); key = $(quoted "$pki/server.key"); },
	{ address = "127.0.0.1"; port = $4; security = "psk"; serve = [ ${8:-\"mid\"} ]; }$6 );
$5
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

# The bootstrap, authentication and administration of the network.
network_roles()
{
	cat <<END
roles = [ "nscl", "mas", "msbf" ];
msbf = { id = "localhost"; sp_id = "demo.example"; nscls = [ "https://localhost:$nscl_mid/m2m" ]; };
mas = { kek_file = $(quoted "$pki/master.kek"); reject_key = $(quoted "$pki/reject.key"); };
admin = { tokens = $(quoted "$data/tokens/admin"); };
gaka = { enabled = true; };
sd = { enabled = true; };
END
}

network_listeners()
{
	cat <<END
,
	{ address = "127.0.0.1"; port = $msbf_port; security = "certificate"; serve = [ "msbf" ];
	  certificate = $(quoted "$pki/server.pem"); key = $(quoted "$pki/server.key");
	  ca = $(quoted "$pki/ca.pem"); require_client_cert = true; },
	{ address = "unix:$data/admin.sock"; port = 0; serve = [ "admin" ]; unix_mode = 600; }
END
}

# What lets devices attach to the gateway as a group, and hand it signed readings.
gateway_roles()
{
	node_factory gscl
	cat <<END
gaka = { enabled = true; };
sd = { enabled = true; };
END
}

# The device's part of it. Its gateway takes it without a key at one listener, to get one for the other.
device_roles()
{
	node_factory dscl
	cat <<END
client = { ca = $(quoted "$pki/ca.pem"); };
gaka = { enabled = true; gateway = "https://localhost:$gscl_mid/m2m"; attach = "$gscl_uri"; keys_interval = "5 s"; };
sd = { enabled = true; gateway = "https://localhost:$gscl_mid/m2m"; container = "/m2m/applications/meter/containers/readings"; };
END
}

# node_factory NAME: what a device leaves the factory with.
node_factory()
{
	cat <<END
bootstrap = {
	msbf = "https://localhost:$msbf_port/m2m/msbf";
	ca = $(quoted "$pki/ca.pem");
	certificate = $(quoted "$pki/$1.pem");
	key = $(quoted "$pki/$1.key");
};
register = { lifetime = 1800; };
END
}

# The device with that identifier and certificate may bootstrap.
provision()
{
	fingerprint=$(openssl x509 -in "$pki/$1.pem" -noout -pubkey |
		openssl pkey -pubin -outform DER | sha256sum | cut -d ' ' -f 1)
	"$nscl" -c "$data/nscl.conf" --admin provision ppid="$2" fingerprints="$fingerprint" subId=demo \
		>"$data/provision-$1.json" 2>&1 ||
		fail "$1 cannot be provisioned: $(cat "$data/provision-$1.json")"
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
	start "hostmon-$1" "$hostmon" --scl "$2" --ca "$pki/ca.pem" --token "$data/tokens/hostmon" \
		--lifetime 2592000 >"$data/hostmon-$1.out" 2>"$data/hostmon-$1.log"
}

# Waits until the SCL with that SCL-ID is registered at the network SCL.
wait_registered()
{
	tenths=$((ready_seconds * 10))
	until curl -s -f -o "$data/registered" -K "$data/me.curl" "$nscl_uri/scls/$1-demo"; do
		check_children
		[ $tenths -gt 0 ] || fail "$1 is not registered after $ready_seconds seconds"
		sleep 0.1
		tenths=$((tenths - 1))
	done
	rm -f "$data/registered"
	echo "demo.sh: $1 has its keys and is registered"
}

explain()
{
	cat <<END

Browse the trees while this runs, or read what the device measured through the network SCL (the
file for curl has the token of an application called me):

  curl -K $data/me.curl $nscl_uri/scls
  curl -K $data/me.curl --request-target \\
      https://127.0.0.1:$dscl_mid/m2m/applications/hostmon/containers/cpu/contentInstances/latest/content \\
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

pki=$data/pki
gscl_ppid=018000005e005301	# Ethernet addresses for documentation (RFC 7042)
dscl_ppid=018000005e005302
make_credentials
tokens nscl watcher lamp me meter
tokens gscl hostmon
tokens dscl hostmon meter

write_config nscl '"mia"' "$nscl_port" "$nscl_mid" "$(network_roles)" \
	"$(network_listeners)" " uri = \"$nscl_uri\";"
write_config gscl '"dia"' "$gscl_port" "$gscl_mid" "$(gateway_roles)" "" "" '"mid", "dia"'
write_config dscl '"dia"' "$dscl_port" "$dscl_mid" "$(device_roles)"

start_daemon nscl "$nscl"
provision gscl "$gscl_ppid"
provision dscl "$dscl_ppid"
start_daemon gscl "$gscl"
start_daemon dscl "$dscl"
wait_registered gscl
wait_registered dscl
start_hostmon gscl "$gscl_uri"
start_hostmon dscl "$dscl_uri"
explain
start watcher "$watcher" --nscl "$nscl_uri" --ca "$pki/ca.pem" --token "$data/tokens/watcher" \
	${count:+--count "$count"} 2>"$data/watcher.log"

while :; do
	check_children
	sleep 0.5
done
