// Ownership of the C API's objects: a unique_ptr whose deleter is the object's Release slot.
#pragma once

#include <memory>

#include "ort/library.hpp"

namespace rmbg::ort {

template <auto release>
struct Release {
  template <typename T>
  void operator()(T* object) const noexcept {
    (api().*release)(object);
  }
};

template <typename T, auto release>
using Handle = std::unique_ptr<T, Release<release>>;

using StatusHandle = Handle<OrtStatus, &Api::ReleaseStatus>;
using SessionOptionsHandle = Handle<OrtSessionOptions, &Api::ReleaseSessionOptions>;
using CustomOpDomainHandle = Handle<OrtCustomOpDomain, &Api::ReleaseCustomOpDomain>;
using CudaOptionsHandle = Handle<OrtCUDAProviderOptionsV2, &Api::ReleaseCUDAProviderOptions>;
using TensorRtOptionsHandle = Handle<OrtTensorRTProviderOptionsV2, &Api::ReleaseTensorRTProviderOptions>;
using IoBindingHandle = Handle<OrtIoBinding, &Api::ReleaseIoBinding>;
using SessionHandle = Handle<OrtSession, &Api::ReleaseSession>;
using RunOptionsHandle = Handle<OrtRunOptions, &Api::ReleaseRunOptions>;
using MemoryInfoHandle = Handle<OrtMemoryInfo, &Api::ReleaseMemoryInfo>;
using ValueHandle = Handle<OrtValue, &Api::ReleaseValue>;
using TypeInfoHandle = Handle<OrtTypeInfo, &Api::ReleaseTypeInfo>;
using TensorInfoHandle = Handle<OrtTensorTypeAndShapeInfo, &Api::ReleaseTensorTypeAndShapeInfo>;

}  // namespace rmbg::ort
