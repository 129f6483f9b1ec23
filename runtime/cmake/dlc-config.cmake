# SPDX-License-Identifier: MIT-0
# find_package(dlc): models as libraries of a CMake project. docs/commands.md says more.
#
#   dlc_add_model(TARGET MODEL.dl [TRAIN] [BATCH N] [TRAIN_BATCH N] [WEIGHTS W.safetensors] [TARGET MACHINE] [NAME PREFIX]
#                 [MODEL NAME] [THREADS N] [MEMORY NAME=SIZE,...] [RAM BYTES] [SET CONST=VALUE...] [OPTIONS OPTION...] [DEPENDS FILE...] [NO_FLAGS])
#
# adds the static library TARGET, of the C that dlc writes of MODEL.dl. Who links with it includes PREFIX.h, which is called after the
# library without NAME; symbols begin with the same word. The other words are dlc's options of these names; OPTIONS are any further
# ones. DEPENDS names files that MODEL.dl imports. The library is compiled with the flags that `dlc targets` lists for the machine, unless
# NO_FLAGS is given.
#
#   dlc::runtime    the headers that generated files include
#   dlc::store      parameters saved as plain bytes: dl_store.h
#   dlc::threads    a pool of threads: dl_threads.h
#
# DLC_EXECUTABLE is the compiler: set it where the one that was installed with this file does not run, as when an image of another
# machine is used to build.
cmake_minimum_required(VERSION 3.16)

get_filename_component(_dlc_prefix "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)
set(DLC_EXECUTABLE "${_dlc_prefix}/bin/dlc" CACHE FILEPATH "the compiler of models")
set(DLC_INCLUDE_DIR "${_dlc_prefix}/include/dlc")
if(NOT EXISTS "${DLC_INCLUDE_DIR}/dl_status.h")
    set(dlc_FOUND FALSE)
    set(dlc_NOT_FOUND_MESSAGE "${DLC_INCLUDE_DIR} has no dl_status.h")
    return()
endif()

if(NOT TARGET dlc::runtime)
    add_library(dlc::runtime INTERFACE IMPORTED)
    set_target_properties(dlc::runtime PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${DLC_INCLUDE_DIR}")
    # Sources, to be compiled for the machine of whoever links with them.
    foreach(_dlc_part store threads)
        add_library(dlc::${_dlc_part} INTERFACE IMPORTED)
        set_target_properties(dlc::${_dlc_part} PROPERTIES
            INTERFACE_SOURCES "${DLC_INCLUDE_DIR}/dl_${_dlc_part}.c"
            INTERFACE_LINK_LIBRARIES dlc::runtime)
    endforeach()
endif()

# Sets OUT to the flags of the machine, as a list; of a compiler that is not gcc's kind or clang's to nothing.
function(_dlc_flags out machine)
    set(${out} "" PARENT_SCOPE)
    if(NOT CMAKE_C_COMPILER_ID MATCHES "GNU|Clang")
        return()
    endif()
    execute_process(COMMAND "${DLC_EXECUTABLE}" targets OUTPUT_VARIABLE table RESULT_VARIABLE status)
    if(machine STREQUAL "native" AND table MATCHES "native is ([a-z0-9-]+)")
        set(machine "${CMAKE_MATCH_1}")
    endif()
    if(NOT status EQUAL 0 OR NOT table MATCHES "\n${machine} +(-[^,\n]+)(, of gcc also ([^,\n]*))?(, of clang ([^,\n]*))?\n")
        message(FATAL_ERROR "dlc_add_model: ${DLC_EXECUTABLE} targets does not list ${machine}")
    endif()
    set(flags "${CMAKE_MATCH_1}")
    if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
        string(APPEND flags " ${CMAKE_MATCH_3}")
    else()
        string(APPEND flags " ${CMAKE_MATCH_5}")
    endif()
    separate_arguments(flags)
    set(${out} "${flags}" PARENT_SCOPE)
endfunction()

function(dlc_add_model library model)
    cmake_parse_arguments(PARSE_ARGV 2 arg "TRAIN;NO_FLAGS" "BATCH;TRAIN_BATCH;WEIGHTS;TARGET;NAME;MODEL;THREADS;MEMORY;RAM"
                          "SET;OPTIONS;DEPENDS")
    if(arg_UNPARSED_ARGUMENTS OR arg_KEYWORDS_MISSING_VALUES)
        message(FATAL_ERROR "dlc_add_model(${library}): not understood: ${arg_UNPARSED_ARGUMENTS} ${arg_KEYWORDS_MISSING_VALUES}")
    endif()
    if(NOT arg_NAME)
        set(arg_NAME "${library}")
    endif()
    get_filename_component(model "${model}" ABSOLUTE)
    set(options --name "${arg_NAME}")
    if(arg_TRAIN)
        list(APPEND options --train)
    endif()
    foreach(word BATCH TRAIN_BATCH TARGET MODEL THREADS MEMORY RAM)
        if(DEFINED arg_${word})
            string(TOLOWER "--${word}" option)
            string(REPLACE "_" "-" option "${option}")
            list(APPEND options "${option}" "${arg_${word}}")
        endif()
    endforeach()
    if(arg_WEIGHTS)
        get_filename_component(arg_WEIGHTS "${arg_WEIGHTS}" ABSOLUTE)
        list(APPEND options --weights "${arg_WEIGHTS}")
    endif()
    foreach(setting IN LISTS arg_SET)
        list(APPEND options --set "${setting}")
    endforeach()

    set(folder "${CMAKE_CURRENT_BINARY_DIR}/${library}.dlc")
    file(MAKE_DIRECTORY "${folder}")
    add_custom_command(
        OUTPUT "${folder}/${arg_NAME}.c" "${folder}/${arg_NAME}.h"
        COMMAND "${DLC_EXECUTABLE}" "${model}" ${options} ${arg_OPTIONS} -o "${folder}/${arg_NAME}.c"
        DEPENDS "${model}" ${arg_WEIGHTS} ${arg_DEPENDS} "${DLC_EXECUTABLE}"
        COMMENT "dlc ${arg_NAME}" VERBATIM)
    add_library(${library} STATIC "${folder}/${arg_NAME}.c" "${folder}/${arg_NAME}.h")
    target_include_directories(${library} PUBLIC "${folder}")
    target_link_libraries(${library} PUBLIC dlc::runtime)
    if(NOT arg_NO_FLAGS)
        if(NOT arg_TARGET)
            set(arg_TARGET generic)
        endif()
        _dlc_flags(flags "${arg_TARGET}")
        target_compile_options(${library} PRIVATE ${flags})
    endif()
endfunction()
