# One claim about the installation in SCRATCH/prefix, by name.
cmake_minimum_required(VERSION 3.25)
set(prefix ${SCRATCH}/prefix)
set(source ${CMAKE_CURRENT_LIST_DIR}/consumer)

function(run)
  execute_process(COMMAND ${ARGV} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

if(CLAIM STREQUAL "FindPackageBuildsAConsumer")
  run(${CMAKE_COMMAND} -S ${source} -B ${SCRATCH}/find_package -D CMAKE_PREFIX_PATH=${prefix} -D VERSION=${VERSION}
      -D CMAKE_CXX_COMPILER=${COMPILER})
  run(${CMAKE_COMMAND} --build ${SCRATCH}/find_package)
  run(${SCRATCH}/find_package/consumer)

elseif(CLAIM STREQUAL "FindPackageRefusesAnotherVersion")
  execute_process(COMMAND ${CMAKE_COMMAND} -S ${source} -B ${SCRATCH}/another_version -D CMAKE_PREFIX_PATH=${prefix}
                          -D VERSION=1000.0 -D CMAKE_CXX_COMPILER=${COMPILER} RESULT_VARIABLE status OUTPUT_QUIET
                  ERROR_VARIABLE message)
  if(status EQUAL 0 OR NOT message MATCHES "compatible[ \n]+with[ \n]+requested[ \n]+version")
    message(FATAL_ERROR "status ${status}: ${message}")
  endif()

elseif(CLAIM STREQUAL "PkgConfigBuildsAConsumer")
  set(ENV{PKG_CONFIG_PATH} ${prefix}/${LIBDIR}/pkgconfig)
  execute_process(COMMAND pkg-config --cflags --libs "unstride = ${VERSION}" OUTPUT_VARIABLE flags
                  OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  separate_arguments(flags)
  run(${COMPILER} -std=c++20 ${source}/consumer.cpp ${flags} -o ${SCRATCH}/pkg_config_consumer)
  run(${CMAKE_COMMAND} -E env LD_LIBRARY_PATH=${prefix}/${LIBDIR} ${SCRATCH}/pkg_config_consumer)

elseif(CLAIM STREQUAL "InstallsPublicHeadersOnly")
  file(GLOB_RECURSE installed RELATIVE ${prefix}/include ${prefix}/include/*)
  file(GLOB_RECURSE public RELATIVE ${PUBLIC_HEADERS} ${PUBLIC_HEADERS}/*)
  if(NOT installed STREQUAL public)
    message(FATAL_ERROR "installed: ${installed}\npublic: ${public}")
  endif()

elseif(CLAIM STREQUAL "ExportsTheApiOnly")
  execute_process(COMMAND ${NM} --dynamic --defined-only --demangle ${prefix}/${LIBDIR}/libunstride.so
                  OUTPUT_VARIABLE symbols COMMAND_ERROR_IS_FATAL ANY)
  string(REPLACE "\n" ";" symbols "${symbols}")
  foreach(symbol IN LISTS symbols)
    # Weak symbols (V, W) of the standard library's templates are in every C++ library; the linker adds its own three.
    if(symbol MATCHES " [TDBR] " AND NOT symbol MATCHES "unstride::| (__bss_start|_edata|_end)$"
       OR symbol MATCHES "unstride::(cpu|plan|support|tools)::")
      message(SEND_ERROR "${symbol} is exported")
    endif()
  endforeach()

else()
  message(FATAL_ERROR "no such claim: ${CLAIM}")
endif()
