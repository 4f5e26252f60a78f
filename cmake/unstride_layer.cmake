# One static library for each folder row of docs/architecture.md.
#
#   unstride_layer(<name> <folder> LINK <layer or library>... [PRIVATE <library>...])
#
# makes the library unstride_<name> from the .cpp files of <folder>. Its headers are included as
# "<folder>/file.h". They are reached through a folder of links made for this layer alone, so that only targets that
# link the layer can include them: the link graph decides who may know whom.

add_library(unstride_flags INTERFACE)
target_compile_options(unstride_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion
                                                $<$<BOOL:${UNSTRIDE_WERROR}>:-Werror>)
if(UNSTRIDE_SANITIZE)
  target_compile_options(unstride_flags INTERFACE -fsanitize=${UNSTRIDE_SANITIZE} -fno-omit-frame-pointer
                                                  -fno-sanitize-recover=all)
  target_link_options(unstride_flags INTERFACE -fsanitize=${UNSTRIDE_SANITIZE})
endif()

if(UNSTRIDE_LLVM)
  add_library(unstride_llvm INTERFACE)
  # SYSTEM: warnings in LLVM's headers are not ours.
  target_include_directories(unstride_llvm SYSTEM INTERFACE ${LLVM_INCLUDE_DIRS})
  target_link_libraries(unstride_llvm INTERFACE LLVM)
endif()

function(unstride_layer name folder)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" "" "LINK;PRIVATE")
  set(target unstride_${name})
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${folder}/*.cpp)
  if(folder STREQUAL "include")
    set(include_dir ${PROJECT_SOURCE_DIR}/include)
  else()
    set(include_dir ${PROJECT_BINARY_DIR}/layers/${name})
    cmake_path(GET folder PARENT_PATH parent)
    file(MAKE_DIRECTORY ${include_dir}/${parent})
    file(CREATE_LINK ${PROJECT_SOURCE_DIR}/${folder} ${include_dir}/${folder} SYMBOLIC)
  endif()

  set(links)
  foreach(item IN LISTS arg_LINK)
    if(TARGET unstride_${item})
      list(APPEND links unstride_${item})
    else()
      list(APPEND links ${item})
    endif()
  endforeach()

  if(sources)
    add_library(${target} STATIC ${sources})
    target_include_directories(${target} PUBLIC $<BUILD_INTERFACE:${include_dir}>)
    target_link_libraries(${target} PUBLIC ${links} PRIVATE unstride_flags ${arg_PRIVATE})
    set_property(GLOBAL APPEND PROPERTY UNSTRIDE_LAYERS ${target})
  else()
    add_library(${target} INTERFACE)
    target_include_directories(${target} INTERFACE $<BUILD_INTERFACE:${include_dir}>)
    target_link_libraries(${target} INTERFACE ${links})
  endif()
endfunction()
