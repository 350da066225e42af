# Debian's cross compiler (g++-aarch64-linux-gnu), and qemu (qemu-user) to run what it makes: cmake -DCMAKE_TOOLCHAIN_FILE=…
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_EXE_LINKER_FLAGS -static)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64)
