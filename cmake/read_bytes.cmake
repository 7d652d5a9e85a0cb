# read_bytes(FILE RESULT): the bytes of a file as "0x12,0x34,", for a C++ array.
function(read_bytes file result)
  file(READ ${file} hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  set(${result} "${bytes}" PARENT_SCOPE)
endfunction()
