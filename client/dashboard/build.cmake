# cmake -D NPM= -D WITH_DASHBOARD= -D SOURCE= -D BINARY= -P build.cmake: makes BINARY/page.cpp.
# Packages are fetched only when package-lock.json has changed: a later build needs no network.
function(plain_page)
  file(READ ${SOURCE}/plain.html HTML)
  set(SCRIPT_SOURCE "'none'")
  set(STYLE_SOURCE "'none'")
  configure_file(${SOURCE}/page.cpp.in ${BINARY}/page.cpp @ONLY)
  file(TOUCH ${BINARY}/page.cpp) # configure_file leaves an equal file as old as it is
endfunction()

if(NOT WITH_DASHBOARD)
  plain_page()
  return()
endif()

file(SHA256 ${SOURCE}/package-lock.json lock)
set(stamp ${BINARY}/packages.stamp)
set(installed "")
if(EXISTS ${stamp})
  file(READ ${stamp} installed)
endif()
if(NOT installed STREQUAL lock)
  file(REMOVE ${stamp})
  file(COPY ${SOURCE}/package.json ${SOURCE}/package-lock.json DESTINATION ${BINARY})
  execute_process(
    COMMAND ${NPM} ci --omit=dev --no-audit --no-fund --loglevel=error --fetch-retries=1 --fetch-timeout=60000
    WORKING_DIRECTORY ${BINARY} RESULT_VARIABLE failed OUTPUT_QUIET)
  if(failed)
    message(WARNING "npm could not fetch the dashboard's packages: the daemon will serve a plain page instead. "
                    "To try again: touch ${SOURCE}/package-lock.json, and build.")
    plain_page()
    return()
  endif()
  file(WRITE ${stamp} ${lock})
endif()
execute_process(COMMAND node ${SOURCE}/build.mjs ${SOURCE} ${BINARY} RESULT_VARIABLE failed)
if(failed)
  message(FATAL_ERROR "the dashboard could not be built")
endif()
