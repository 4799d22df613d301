// The part of ONNX Runtime's C API that we call. No header of it is vendored: the table of functions is append-only, so
// a function is known by its slot number, and every declaration here carries its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>

namespace rmbg::ort {

// API version N came with ONNX Runtime 1.N. Every slot below exists since the oldest.
inline constexpr std::uint32_t kNewestApi = 21;
inline constexpr std::uint32_t kOldestApi = 20;

struct OrtAllocator;
struct OrtCustomOp;
struct OrtCustomOpDomain;
struct OrtKernelContext;
struct OrtKernelInfo;
struct OrtCUDAProviderOptionsV2;
struct OrtEnv;
struct OrtIoBinding;
struct OrtMemoryInfo;
struct OrtRunOptions;
struct OrtSession;
struct OrtSessionOptions;
struct OrtStatus;
struct OrtTensorRTProviderOptionsV2;
struct OrtTensorTypeAndShapeInfo;
struct OrtTypeInfo;
struct OrtValue;

enum OrtErrorCode : int {
  ORT_FAIL = 1,
  ORT_INVALID_ARGUMENT = 2,
  ORT_NO_SUCHFILE = 3,
  ORT_NO_MODEL = 4,
  ORT_INVALID_PROTOBUF = 7,
  ORT_NOT_IMPLEMENTED = 9,
  ORT_INVALID_GRAPH = 10,
};
enum ONNXTensorElementDataType : int {
  ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT = 1,
  ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16 = 10,
};
enum OrtLoggingLevel : int { ORT_LOGGING_LEVEL_ERROR = 3, ORT_LOGGING_LEVEL_FATAL = 4 };
enum GraphOptimizationLevel : int { ORT_ENABLE_ALL = 99 };
enum ExecutionMode : int { ORT_SEQUENTIAL = 0 };
enum OrtAllocatorType : int { OrtDeviceAllocator = 0 };
enum OrtCustomOpInputOutputCharacteristic : int { INPUT_OUTPUT_REQUIRED = 0, INPUT_OUTPUT_VARIADIC = 2 };
enum OrtMemType : int { OrtMemTypeDefault = 0 };

using PathChar = std::filesystem::path::value_type;  // ORTCHAR_T: wchar_t on Windows, char elsewhere

// One function of the table, called like the function itself.
template <std::size_t number, typename Signature>
struct Slot {
  explicit Slot(void* const* table) : function(reinterpret_cast<Signature*>(table[number])) {}
  operator Signature*() const { return function; }

  Signature* function;
};

// clang-format off
struct Api {
  explicit Api(void* const* functions) : table(functions) {}

  void* const* table;

  Slot<0, OrtStatus*(OrtErrorCode code, const char* message)> CreateStatus{table};
  Slot<1, OrtErrorCode(const OrtStatus*)> GetErrorCode{table};
  Slot<2, const char*(const OrtStatus*)> GetErrorMessage{table};
  Slot<93, void(OrtStatus*)> ReleaseStatus{table};

  Slot<3, OrtStatus*(OrtLoggingLevel, const char* log_id, OrtEnv** out)> CreateEnv{table};
  Slot<254, const char*()> GetBuildInfoString{table};

  Slot<10, OrtStatus*(OrtSessionOptions** out)> CreateSessionOptions{table};
  Slot<13, OrtStatus*(OrtSessionOptions*, ExecutionMode)> SetSessionExecutionMode{table};
  Slot<17, OrtStatus*(OrtSessionOptions*)> DisableMemPattern{table};
  Slot<22, OrtStatus*(OrtSessionOptions*, int level)> SetSessionLogSeverityLevel{table};
  Slot<23, OrtStatus*(OrtSessionOptions*, GraphOptimizationLevel)> SetSessionGraphOptimizationLevel{table};
  Slot<24, OrtStatus*(OrtSessionOptions*, int threads)> SetIntraOpNumThreads{table};
  Slot<25, OrtStatus*(OrtSessionOptions*, int threads)> SetInterOpNumThreads{table};
  Slot<130, OrtStatus*(OrtSessionOptions*, const char* key, const char* value)> AddSessionConfigEntry{table};
  Slot<100, void(OrtSessionOptions*)> ReleaseSessionOptions{table};

  Slot<26, OrtStatus*(const char* domain, OrtCustomOpDomain** out)> CreateCustomOpDomain{table};
  Slot<27, OrtStatus*(OrtCustomOpDomain*, const OrtCustomOp*)> CustomOpDomain_Add{table};
  Slot<28, OrtStatus*(OrtSessionOptions*, OrtCustomOpDomain*)> AddCustomOpDomain{table};
  Slot<101, void(OrtCustomOpDomain*)> ReleaseCustomOpDomain{table};
  Slot<163, OrtStatus*(const OrtKernelInfo*, const char* name, std::int64_t* out, std::size_t* size)> KernelInfoGetAttributeArray_int64{table};
  Slot<249, OrtStatus*(const OrtKernelInfo*, std::size_t index, int* is_constant, const OrtValue** out)> KernelInfoGetConstantInput_tensor{table};
  Slot<88, OrtStatus*(const OrtKernelContext*, std::size_t* out)> KernelContext_GetInputCount{table};
  Slot<90, OrtStatus*(const OrtKernelContext*, std::size_t index, const OrtValue** out)> KernelContext_GetInput{table};
  Slot<91, OrtStatus*(OrtKernelContext*, std::size_t index, const std::int64_t* shape, std::size_t rank, OrtValue** out)> KernelContext_GetOutput{table};

  Slot<205, OrtStatus*(OrtCUDAProviderOptionsV2** out)> CreateCUDAProviderOptions{table};
  Slot<206, OrtStatus*(OrtCUDAProviderOptionsV2*, const char* const* keys, const char* const* values, std::size_t count)> UpdateCUDAProviderOptions{table};
  Slot<208, void(OrtCUDAProviderOptionsV2*)> ReleaseCUDAProviderOptions{table};
  Slot<204, OrtStatus*(OrtSessionOptions*, const OrtCUDAProviderOptionsV2*)> SessionOptionsAppendExecutionProvider_CUDA_V2{table};

  Slot<171, OrtStatus*(OrtTensorRTProviderOptionsV2** out)> CreateTensorRTProviderOptions{table};
  Slot<172, OrtStatus*(OrtTensorRTProviderOptionsV2*, const char* const* keys, const char* const* values, std::size_t count)> UpdateTensorRTProviderOptions{table};
  Slot<174, void(OrtTensorRTProviderOptionsV2*)> ReleaseTensorRTProviderOptions{table};
  Slot<170, OrtStatus*(OrtSessionOptions*, const OrtTensorRTProviderOptionsV2*)> SessionOptionsAppendExecutionProvider_TensorRT_V2{table};

  Slot<125, OrtStatus*(char*** out, int* count)> GetAvailableProviders{table};
  Slot<126, OrtStatus*(char** names, int count)> ReleaseAvailableProviders{table};
  Slot<216, OrtStatus*(OrtSessionOptions*, const char* name, const char* const* keys, const char* const* values, std::size_t count)> SessionOptionsAppendExecutionProvider{table};

  Slot<7, OrtStatus*(const OrtEnv*, const PathChar* model_path, const OrtSessionOptions*, OrtSession** out)> CreateSession{table};
  Slot<30, OrtStatus*(const OrtSession*, std::size_t* out)> SessionGetInputCount{table};
  Slot<31, OrtStatus*(const OrtSession*, std::size_t* out)> SessionGetOutputCount{table};
  Slot<33, OrtStatus*(const OrtSession*, std::size_t index, OrtTypeInfo** out)> SessionGetInputTypeInfo{table};
  Slot<34, OrtStatus*(const OrtSession*, std::size_t index, OrtTypeInfo** out)> SessionGetOutputTypeInfo{table};
  Slot<36, OrtStatus*(const OrtSession*, std::size_t index, OrtAllocator*, char** out)> SessionGetInputName{table};
  Slot<37, OrtStatus*(const OrtSession*, std::size_t index, OrtAllocator*, char** out)> SessionGetOutputName{table};
  Slot<9, OrtStatus*(OrtSession*, const OrtRunOptions*, const char* const* input_names, const OrtValue* const* inputs, std::size_t input_count,
                     const char* const* output_names, std::size_t output_count, OrtValue** outputs)> Run{table};
  Slot<39, OrtStatus*(OrtRunOptions** out)> CreateRunOptions{table};
  Slot<46, OrtStatus*(OrtRunOptions*)> RunOptionsSetTerminate{table};
  Slot<97, void(OrtRunOptions*)> ReleaseRunOptions{table};
  Slot<95, void(OrtSession*)> ReleaseSession{table};

  Slot<134, OrtStatus*(OrtSession*, OrtIoBinding** out)> CreateIoBinding{table};
  Slot<135, void(OrtIoBinding*)> ReleaseIoBinding{table};
  Slot<136, OrtStatus*(OrtIoBinding*, const char* name, const OrtValue*)> BindInput{table};
  Slot<137, OrtStatus*(OrtIoBinding*, const char* name, const OrtValue*)> BindOutput{table};
  Slot<133, OrtStatus*(OrtSession*, const OrtRunOptions*, const OrtIoBinding*)> RunWithBinding{table};

  Slot<69, OrtStatus*(OrtAllocatorType, OrtMemType, OrtMemoryInfo** out)> CreateCpuMemoryInfo{table};
  Slot<68, OrtStatus*(const char* name, OrtAllocatorType, int device_id, OrtMemType, OrtMemoryInfo** out)> CreateMemoryInfo{table};
  Slot<94, void(OrtMemoryInfo*)> ReleaseMemoryInfo{table};
  Slot<78, OrtStatus*(OrtAllocator** out)> GetAllocatorWithDefaultOptions{table};  // the runtime's own: never released
  Slot<76, OrtStatus*(OrtAllocator*, void* memory)> AllocatorFree{table};

  Slot<49, OrtStatus*(const OrtMemoryInfo*, void* data, std::size_t bytes, const std::int64_t* shape, std::size_t rank,
                      ONNXTensorElementDataType, OrtValue** out)> CreateTensorWithDataAsOrtValue{table};
  Slot<51, OrtStatus*(OrtValue*, void** out)> GetTensorMutableData{table};
  Slot<65, OrtStatus*(const OrtValue*, OrtTensorTypeAndShapeInfo** out)> GetTensorTypeAndShape{table};
  Slot<96, void(OrtValue*)> ReleaseValue{table};

  Slot<55, OrtStatus*(const OrtTypeInfo*, const OrtTensorTypeAndShapeInfo** out)> CastTypeInfoToTensorInfo{table};  // null: no tensor
  Slot<98, void(OrtTypeInfo*)> ReleaseTypeInfo{table};
  Slot<60, OrtStatus*(const OrtTensorTypeAndShapeInfo*, ONNXTensorElementDataType* out)> GetTensorElementType{table};
  Slot<61, OrtStatus*(const OrtTensorTypeAndShapeInfo*, std::size_t* out)> GetDimensionsCount{table};
  Slot<62, OrtStatus*(const OrtTensorTypeAndShapeInfo*, std::int64_t* dimensions, std::size_t rank)> GetDimensions{table};
  Slot<99, void(OrtTensorTypeAndShapeInfo*)> ReleaseTensorTypeAndShapeInfo{table};
};
// clang-format on

// An operator of ours. The runtime reads as many members as `version` says there are: all of them are set.
struct OrtCustomOp {
  std::uint32_t version;
  void* (*CreateKernel)(const OrtCustomOp*, void* const* api, const OrtKernelInfo*);  // instead: CreateKernelV2
  const char* (*GetName)(const OrtCustomOp*);
  const char* (*GetExecutionProviderType)(const OrtCustomOp*);  // null: the CPU
  ONNXTensorElementDataType (*GetInputType)(const OrtCustomOp*, std::size_t index);
  std::size_t (*GetInputTypeCount)(const OrtCustomOp*);
  ONNXTensorElementDataType (*GetOutputType)(const OrtCustomOp*, std::size_t index);
  std::size_t (*GetOutputTypeCount)(const OrtCustomOp*);
  void (*KernelCompute)(void* kernel, OrtKernelContext*);  // instead: KernelComputeV2
  void (*KernelDestroy)(void* kernel);
  OrtCustomOpInputOutputCharacteristic (*GetInputCharacteristic)(const OrtCustomOp*, std::size_t index);
  OrtCustomOpInputOutputCharacteristic (*GetOutputCharacteristic)(const OrtCustomOp*, std::size_t index);
  OrtMemType (*GetInputMemoryType)(const OrtCustomOp*, std::size_t index);
  int (*GetVariadicInputMinArity)(const OrtCustomOp*);
  int (*GetVariadicInputHomogeneity)(const OrtCustomOp*);
  int (*GetVariadicOutputMinArity)(const OrtCustomOp*);
  int (*GetVariadicOutputHomogeneity)(const OrtCustomOp*);
  OrtStatus* (*CreateKernelV2)(const OrtCustomOp*, void* const* api, const OrtKernelInfo*, void** kernel);
  OrtStatus* (*KernelComputeV2)(void* kernel, OrtKernelContext*);
  OrtStatus* (*InferOutputShapeFn)(const OrtCustomOp*, void*);
  int (*GetStartVersion)(const OrtCustomOp*);
  int (*GetEndVersion)(const OrtCustomOp*);
  std::size_t (*GetMayInplace)(int** inputs, int** outputs);
  void (*ReleaseMayInplace)(int* inputs, int* outputs);
  std::size_t (*GetAliasMap)(int** inputs, int** outputs);
  void (*ReleaseAliasMap)(int* inputs, int* outputs);
};
static_assert(sizeof(OrtCustomOp) == 208 || sizeof(void*) != 8);

// What the library's only exported function, OrtGetApiBase, returns. GetApi answers null to a version it does not know.
struct OrtApiBase {
  void* const* (*GetApi)(std::uint32_t version);
  const char* (*GetVersionString)();
};

}  // namespace rmbg::ort
