"""A small bootable guest: `build.sh` makes it from files of installed Debian packages, the others run inside."""
