# Read by find_package(bourse): first what bourse stands on, then bourse::<room>.
include(${CMAKE_CURRENT_LIST_DIR}/bourse_dependencies.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/bourse-targets.cmake)
