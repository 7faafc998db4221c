#!/bin/sh
# Shorten a folder of installed packages, for the image and for the zip file: of
# onnxruntime only what runs a graph; of the others no tests, stubs and headers.
set -eu
cd "$1"
rm -rf onnxruntime/transformers onnxruntime/quantization onnxruntime/tools \
  onnxruntime/datasets onnxruntime/backend onnxruntime/capi/libonnxruntime.so* \
  bin numpy/_core/include numpy/*/tests numpy/tests numpy/f2py numpy/distutils \
  numpy/testing numpy/doc numpy/fft numpy/polynomial numpy/_pyinstaller cffi \
  numpy/_core/_simd*.so numpy/_core/*_tests*.so
find . \( -name '*.pyi' -o -name '*.pxd' -o -name '*.h' -o -name '*.cpp' \) -delete
