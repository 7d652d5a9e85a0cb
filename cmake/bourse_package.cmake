# A Debian package of the program: `cmake --build --preset release --target package`.
set(bourse_component runtime)
set(bourse_packaging ${PROJECT_SOURCE_DIR}/packaging)
if(NOT PROJECT_IS_TOP_LEVEL)
  return()
endif()
# The libraries and headers of bourse are for who builds on it; the package has the program alone.
install(FILES ${bourse_packaging}/bourse.service DESTINATION /lib/systemd/system
        COMPONENT ${bourse_component} EXCLUDE_FROM_ALL)
install(FILES ${bourse_packaging}/default DESTINATION /etc/default RENAME bourse
        COMPONENT ${bourse_component} EXCLUDE_FROM_ALL)
install(FILES ${PROJECT_SOURCE_DIR}/docs/cli.md ${PROJECT_SOURCE_DIR}/docs/job-file.md
              ${PROJECT_SOURCE_DIR}/docs/security.md ${PROJECT_SOURCE_DIR}/docs/pricing.md
              ${PROJECT_SOURCE_DIR}/docs/operations.md ${PROJECT_SOURCE_DIR}/docs/openapi.json
              ${PROJECT_SOURCE_DIR}/examples/monitoring/bourse-alerts.yml
        DESTINATION share/doc/bourse COMPONENT ${bourse_component} EXCLUDE_FROM_ALL)
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION share/doc/bourse RENAME copyright
        COMPONENT ${bourse_component} EXCLUDE_FROM_ALL)
install(CODE "
  set(root \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}\")
  file(MAKE_DIRECTORY \"\${root}/share/man/man1\" \"\${root}/share/bash-completion/completions\")
  execute_process(COMMAND \"${bourse_packaging}/make_man\" \"$<TARGET_FILE:bourse>\"
                          \"\${root}/share/man/man1\" COMMAND_ERROR_IS_FATAL ANY)
  execute_process(COMMAND \"$<TARGET_FILE:bourse>\" completion bash
                  OUTPUT_FILE \"\${root}/share/bash-completion/completions/bourse\"
                  COMMAND_ERROR_IS_FATAL ANY)"
  COMPONENT ${bourse_component} EXCLUDE_FROM_ALL)

set(CPACK_GENERATOR DEB)
set(CPACK_COMPONENTS_ALL ${bourse_component})
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_GROUPING ALL_COMPONENTS_IN_ONE)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_PACKAGE_NAME bourse)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "the bourse project <bourse@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "adduser, passwd")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
    "${bourse_packaging}/postinst;${bourse_packaging}/prerm;${bourse_packaging}/postrm;${bourse_packaging}/conffiles")
set(CPACK_STRIP_FILES ON)
include(CPack)
