// The fake NVRTC: see fakes.h.
#include <cstring>

#include "tests/cuda/fakes.h"

using unstride::testing::FakeNvrtc;

namespace {

struct Program {
  std::string source, code;
  std::vector<std::string> headers;
};

FakeNvrtc state;

}  // namespace

extern "C" {

FakeNvrtc* unstride_fake_state() {
  return &state;
}

int nvrtcVersion(int* major, int* minor) {
  *major = state.major;
  *minor = state.minor;
  return 0;
}
const char* nvrtcGetErrorString(int result) {
  return result == 5 ? "NVRTC_ERROR_INVALID_OPTION" : result == 6 ? "NVRTC_ERROR_COMPILATION" : "NVRTC_ERROR_OTHER";
}
int nvrtcGetNumSupportedArchs(int* count) {
  *count = static_cast<int>(state.architectures.size());
  return state.asked_result;
}
int nvrtcGetSupportedArchs(int* architectures) {
  std::memcpy(architectures, state.architectures.data(), state.architectures.size() * sizeof(int));
  return 0;
}
int nvrtcCreateProgram(Program** program, const char* source, const char*, int headers, const char* const*,
                       const char* const* names) {
  *program = new Program{source, {}, {names, names + headers}};
  const std::lock_guard lock(state.mutex);
  ++state.alive;
  return 0;
}
int nvrtcDestroyProgram(Program** program) {
  delete *program;
  *program = nullptr;
  const std::lock_guard lock(state.mutex);
  --state.alive;
  return 0;
}
int nvrtcCompileProgram(Program* program, int count, const char* const* options) {
  const std::lock_guard lock(state.mutex);
  state.compilations.push_back({program->source, program->headers, {options, options + count}});
  program->code = state.code_prefix;
  for (const std::string& option : state.compilations.back().options) program->code += " " + option;
  program->code += "\n" + program->source;
  return state.result;
}
int nvrtcGetCUBINSize(Program* program, std::size_t* size) {
  *size = program->code.size();
  return 0;
}
int nvrtcGetCUBIN(Program* program, char* code) {
  std::memcpy(code, program->code.data(), program->code.size());
  return 0;
}
int nvrtcGetPTXSize(Program* program, std::size_t* size) {
  *size = program->code.size() + 1;
  return 0;
}
int nvrtcGetPTX(Program* program, char* code) {
  std::memcpy(code, program->code.c_str(), program->code.size() + 1);
  return 0;
}
int nvrtcGetProgramLogSize(Program*, std::size_t* size) {
  *size = state.log.size() + 1;
  return 0;
}
int nvrtcGetProgramLog(Program*, char* log) {
  std::memcpy(log, state.log.c_str(), state.log.size() + 1);
  return 0;
}
}
