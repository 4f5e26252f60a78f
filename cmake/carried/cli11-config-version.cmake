# Whatever Debian's package is: --prepare took it from a machine where the project builds.
set(PACKAGE_VERSION_COMPATIBLE TRUE)
