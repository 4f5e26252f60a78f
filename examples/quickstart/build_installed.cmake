# Installs the build in BUILD into a scratch folder; then builds the quickstart against that folder alone, once with
# find_package and once with pkg-config, and runs both: what README.md promises to those who embed the library.
cmake_minimum_required(VERSION 3.25)

function(run)
  execute_process(COMMAND ${ARGV} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

set(prefix ${SCRATCH}/prefix)
set(source ${CMAKE_CURRENT_LIST_DIR})
file(REMOVE_RECURSE ${SCRATCH})
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${prefix})

run(${CMAKE_COMMAND} -G Ninja -S ${source} -B ${SCRATCH}/build -D CMAKE_PREFIX_PATH=${prefix}
    -D CMAKE_CXX_COMPILER=${COMPILER})
run(${CMAKE_COMMAND} --build ${SCRATCH}/build)
run(${SCRATCH}/build/quickstart)

file(GLOB_RECURSE description ${prefix}/*/unstride.pc)
execute_process(COMMAND pkg-config --define-prefix --cflags --libs ${description} OUTPUT_VARIABLE flags
                OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
separate_arguments(flags)
run(${COMPILER} -std=c++20 ${source}/quickstart.cpp ${flags} -o ${SCRATCH}/quickstart)
file(GLOB_RECURSE library ${prefix}/*/libunstride.so)
cmake_path(GET library PARENT_PATH library_folder)
run(${CMAKE_COMMAND} -E env LD_LIBRARY_PATH=${library_folder} ${SCRATCH}/quickstart)
