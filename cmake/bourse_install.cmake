# find_package(bourse 0.1) and bourse::<room> for other projects.
include(CMakePackageConfigHelpers)
set(bourse_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/bourse)
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/bourseConfigVersion.cmake
                                 COMPATIBILITY SameMinorVersion)
install(EXPORT bourse-targets NAMESPACE bourse:: DESTINATION ${bourse_package_dir})
install(FILES ${PROJECT_SOURCE_DIR}/cmake/bourseConfig.cmake
              ${PROJECT_SOURCE_DIR}/cmake/bourse_dependencies.cmake
              ${CMAKE_CURRENT_BINARY_DIR}/bourseConfigVersion.cmake
        DESTINATION ${bourse_package_dir})
