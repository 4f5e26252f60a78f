# Under the name that pkg_check_modules gives it. Debian's static library is not made to be part of a shared one.
add_library(PkgConfig::sodium SHARED IMPORTED GLOBAL)
set_target_properties(PkgConfig::sodium PROPERTIES IMPORTED_LOCATION ${CMAKE_CURRENT_LIST_DIR}/lib/libsodium.so.23
                                                   INTERFACE_INCLUDE_DIRECTORIES ${CMAKE_CURRENT_LIST_DIR}/include)
