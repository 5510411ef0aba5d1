dnl SPDX-License-Identifier: Apache-2.0
dnl Where the pairing comes from: blst, whose sources are fetched when it is built, because no
dnl library of Debian 12 has one. What was asked for and cannot be had is an error.
dnl
dnl pairing_build     yes: we compile it, out of BLST_DIR
dnl pairing_kind      names the stamp of the fetched sources
dnl pairing_again     the argument for another build of the same (make distcheck)
dnl pairing_provider  library and version, for people
dnl BLST_FETCH        argument of "pairing.sh fetch"; empty: nothing to fetch

m4_define([OPENSCL_OTHER_PAIRING], [dnl
    --with-pairing=FILE.tgz   of npm pack c-kzg@4.1.0
    --with-pairing=DIR        with sources of blst
    --with-pairing=system     with the library libblst
    --without-pairing         without proxy re-encryption])

AC_DEFUN([OPENSCL_PAIRING_NPM], [
AC_PATH_PROG([NPM], [npm])
AS_IF([test -z "$NPM"], [AC_MSG_ERROR([
npm is missing, which fetches the sources of the pairing. On Debian:

    apt-get install npm

Or say where the pairing comes from instead:

OPENSCL_OTHER_PAIRING
])])
pairing_build=yes
pairing_kind=npm
pairing_provider="blst 0.3.12 (c-kzg 4.1.0)"
BLST_FETCH=npm
BLST_DIR=deps/node_modules/c-kzg/deps/blst
dnl What was fetched already is not fetched again.
pairing_again='`test -d $(abs_builddir)/$(BLST_DIR) && echo $(abs_builddir)/$(BLST_DIR) || echo npm`'
])

AC_DEFUN([OPENSCL_PAIRING_SYSTEM], [
PKG_CHECK_MODULES([BLST], [libblst],
  [PAIRING_CPPFLAGS=$BLST_CFLAGS
   PAIRING_LIBS=$BLST_LIBS
   pairing_provider="blst `$PKG_CONFIG --modversion libblst` (system)"],
  [AC_CHECK_HEADER([blst.h], [], [AC_MSG_ERROR([--with-pairing=system: no blst.h])])
   AC_CHECK_LIB([blst], [blst_miller_loop_lines], [PAIRING_LIBS=-lblst],
     [AC_MSG_ERROR([--with-pairing=system: no libblst])])
   pairing_provider="blst of unknown version (system)"])
])

AC_DEFUN([OPENSCL_PAIRING_PATH], [
AS_CASE([$with_pairing],
  [/*], [],
  [with_pairing=`pwd`/$with_pairing])
pairing_provider=`"$srcdir/common/pairing/deps/pairing.sh" describe "$with_pairing"` ||
  AC_MSG_ERROR([--with-pairing=$with_pairing: see above])
AS_CASE([$pairing_provider],
  [*untested*], [AC_MSG_WARN([$with_pairing: $pairing_provider; tested is blst 0.3.12])])
pairing_build=yes
pairing_again=$with_pairing
AS_IF([test -f "$with_pairing"],
  [pairing_kind=tarball
   BLST_FETCH=$with_pairing
   BLST_DIR=deps/package/deps/blst],
  [pairing_kind=dir
   BLST_DIR=$with_pairing])
])

dnl Assembly is there for the CPUs of servers and gateways; for others there is C alone.
AC_DEFUN([OPENSCL_PAIRING_CPU], [
AC_MSG_CHECKING([whether the pairing has assembly for this CPU])
AC_COMPILE_IFELSE([AC_LANG_PROGRAM([[
#if !defined(__x86_64__) && !defined(__aarch64__)
#error none
#endif
]], [])],
  [pairing_assembly=yes],
  [pairing_assembly=no
   pairing_provider="$pairing_provider, C alone: constant time is up to the compiler"])
AC_MSG_RESULT([$pairing_assembly])
])

AC_DEFUN([OPENSCL_WITH_PAIRING], [
AC_ARG_VAR([OPENSCL_PAIRING], [default of --with-pairing])
AC_ARG_WITH([pairing],
  [AS_HELP_STRING([--with-pairing=npm|DIR|FILE.tgz|system],
     [proxy re-encryption with sources of blst from the npm registry (npm), from DIR, from the
      tarball of c-kzg 4.1.0, or with the library of the system])],
  [], [with_pairing=${OPENSCL_PAIRING:-npm}])
AS_IF([test "$with_pairing" = yes], [with_pairing=npm])
pairing_build=no
pairing_assembly=no
pairing_kind=
pairing_provider=none
pairing_again=$with_pairing
BLST_FETCH=
BLST_DIR=
PAIRING_CPPFLAGS=
PAIRING_LIBS=
AS_CASE([$with_pairing],
  [no], [],
  [npm], [OPENSCL_PAIRING_NPM],
  [system], [OPENSCL_PAIRING_SYSTEM],
  [OPENSCL_PAIRING_PATH])
AS_IF([test $pairing_build = yes],
  [OPENSCL_PAIRING_CPU
   PAIRING_CPPFLAGS='-isystem $(BLST_DIR)/bindings'])
AS_IF([test "$with_pairing" != no],
  [AC_DEFINE([HAVE_PAIRING], [1], [Define to 1 when there is a pairing.])])
AC_DEFINE_UNQUOTED([PAIRING_PROVIDER], ["$pairing_provider"],
  [The library of the pairing and its version.])
AM_CONDITIONAL([PAIRING], [test "$with_pairing" != no])
AM_CONDITIONAL([PAIRING_BUILD], [test $pairing_build = yes])
AM_CONDITIONAL([PAIRING_ASSEMBLY], [test $pairing_assembly = yes])
AC_SUBST([pairing_kind])
AC_SUBST([pairing_again])
AC_SUBST([BLST_FETCH])
AC_SUBST([BLST_DIR])
AC_SUBST([PAIRING_CPPFLAGS])
AC_SUBST([PAIRING_LIBS])
])
