# libunstride: all layers in one library, its public headers, and what find_package and pkg-config need.

get_property(layers GLOBAL PROPERTY UNSTRIDE_LAYERS)
set(objects)
foreach(layer IN LISTS layers)
  list(APPEND objects $<TARGET_OBJECTS:${layer}>)
endforeach()

add_library(unstride ${objects})
add_library(unstride::unstride ALIAS unstride)
set_target_properties(unstride PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}
                                          LINKER_LANGUAGE CXX)
target_include_directories(unstride PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
                                           $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_compile_features(unstride PUBLIC cxx_std_20)
# Only a consumer of the static library has to find these too (cmake/unstride-config.cmake.in).
set(private_libraries fmt::fmt Threads::Threads PkgConfig::sodium)
if(UNSTRIDE_CUDA)
  list(APPEND private_libraries ${CMAKE_DL_LIBS})
endif()
if(UNSTRIDE_LLVM)
  list(APPEND private_libraries LLVM)
endif()
target_link_libraries(unstride PRIVATE ${private_libraries} $<BUILD_INTERFACE:unstride_flags>)

include(CMakePackageConfigHelpers)
set(config_dir ${CMAKE_INSTALL_LIBDIR}/cmake/unstride)
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/unstride-config.cmake.in
                              ${PROJECT_BINARY_DIR}/unstride-config.cmake INSTALL_DESTINATION ${config_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/unstride-config-version.cmake COMPATIBILITY SameMinorVersion)
if(UNSTRIDE_LLVM)
  set(UNSTRIDE_PC_LLVM "-L${LLVM_LIBRARY_DIR} -lLLVM-${LLVM_VERSION_MAJOR}")
endif()
file(RELATIVE_PATH UNSTRIDE_PC_TO_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(${PROJECT_SOURCE_DIR}/cmake/unstride.pc.in ${PROJECT_BINARY_DIR}/unstride.pc @ONLY)

install(TARGETS unstride EXPORT unstride-targets)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/unstride DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT unstride-targets NAMESPACE unstride:: DESTINATION ${config_dir})
install(FILES ${PROJECT_BINARY_DIR}/unstride-config.cmake ${PROJECT_BINARY_DIR}/unstride-config-version.cmake
        DESTINATION ${config_dir})
install(FILES ${PROJECT_BINARY_DIR}/unstride.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
