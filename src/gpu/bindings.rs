//! The dozen calls of WebGPU that the encoder makes, by hand. `web-sys` has them only behind a compiler flag that would
//! go into the build of everything else, and with a class for each dictionary; here descriptors are plain objects.

use js_sys::{ArrayBuffer, Object, Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    pub type Gpu;
    #[wasm_bindgen(method, catch, js_name = requestAdapter)]
    pub fn request_adapter(this: &Gpu, options: &Object) -> Result<Promise, JsValue>;

    pub type Adapter;
    #[wasm_bindgen(method, getter)]
    pub fn info(this: &Adapter) -> JsValue;
    #[wasm_bindgen(method, getter)]
    pub fn features(this: &Adapter) -> Features;
    #[wasm_bindgen(method, catch, js_name = requestDevice)]
    pub fn request_device(this: &Adapter, descriptor: &Object) -> Result<Promise, JsValue>;

    /// A set of names.
    pub type Features;
    #[wasm_bindgen(method)]
    pub fn has(this: &Features, name: &str) -> bool;

    #[derive(Clone)]
    pub type GpuDevice;
    #[wasm_bindgen(method, getter)]
    pub fn queue(this: &GpuDevice) -> Queue;
    #[wasm_bindgen(method, getter)]
    pub fn limits(this: &GpuDevice) -> JsValue;
    /// Resolves with an object that has `reason` and `message`.
    #[wasm_bindgen(method, getter)]
    pub fn lost(this: &GpuDevice) -> Promise;
    #[wasm_bindgen(method)]
    pub fn destroy(this: &GpuDevice);
    #[wasm_bindgen(method, catch, js_name = createBuffer)]
    pub fn create_buffer(this: &GpuDevice, descriptor: &Object) -> Result<GpuBuffer, JsValue>;
    #[wasm_bindgen(method, catch, js_name = createShaderModule)]
    pub fn create_shader_module(this: &GpuDevice, descriptor: &Object) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch, js_name = createComputePipelineAsync)]
    pub fn create_compute_pipeline(this: &GpuDevice, descriptor: &Object) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch, js_name = createBindGroup)]
    pub fn create_bind_group(this: &GpuDevice, descriptor: &Object) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch, js_name = createCommandEncoder)]
    pub fn create_command_encoder(this: &GpuDevice) -> Result<CommandEncoder, JsValue>;
    #[wasm_bindgen(method, js_name = pushErrorScope)]
    pub fn push_error_scope(this: &GpuDevice, filter: &str);
    /// Resolves with an error that has a `message`, or with null.
    #[wasm_bindgen(method, js_name = popErrorScope)]
    pub fn pop_error_scope(this: &GpuDevice) -> Promise;

    pub type Queue;
    #[wasm_bindgen(method, catch, js_name = writeBuffer)]
    pub fn write_bytes(this: &Queue, buffer: &GpuBuffer, offset: f64, data: &[u8]) -> Result<(), JsValue>;
    #[wasm_bindgen(method, catch, js_name = writeBuffer)]
    pub fn write_words(this: &Queue, buffer: &GpuBuffer, offset: f64, data: &[u32]) -> Result<(), JsValue>;
    #[wasm_bindgen(method, catch, js_name = writeBuffer)]
    pub fn write_floats(this: &Queue, buffer: &GpuBuffer, offset: f64, data: &[f32]) -> Result<(), JsValue>;
    #[wasm_bindgen(method)]
    pub fn submit(this: &Queue, commands: Vec<JsValue>);

    #[derive(Clone)]
    pub type GpuBuffer;
    #[wasm_bindgen(method)]
    pub fn destroy(this: &GpuBuffer);
    #[wasm_bindgen(method, js_name = mapAsync)]
    pub fn map(this: &GpuBuffer, mode: u32, offset: f64, size: f64) -> Promise;
    #[wasm_bindgen(method, catch, js_name = getMappedRange)]
    pub fn mapped_range(this: &GpuBuffer, offset: f64, size: f64) -> Result<ArrayBuffer, JsValue>;
    #[wasm_bindgen(method)]
    pub fn unmap(this: &GpuBuffer);

    #[derive(Clone)]
    pub type Pipeline;
    #[wasm_bindgen(method, js_name = getBindGroupLayout)]
    pub fn bind_group_layout(this: &Pipeline, index: u32) -> JsValue;

    pub type CommandEncoder;
    #[wasm_bindgen(method, js_name = beginComputePass)]
    pub fn begin_compute_pass(this: &CommandEncoder) -> ComputePass;
    #[wasm_bindgen(method, js_name = copyBufferToBuffer)]
    pub fn copy(this: &CommandEncoder, from: &GpuBuffer, at: f64, to: &GpuBuffer, place: f64, size: f64);
    #[wasm_bindgen(method)]
    pub fn finish(this: &CommandEncoder) -> JsValue;

    pub type ComputePass;
    #[wasm_bindgen(method, js_name = setPipeline)]
    pub fn set_pipeline(this: &ComputePass, pipeline: &Pipeline);
    #[wasm_bindgen(method, js_name = setBindGroup)]
    pub fn set_bind_group(this: &ComputePass, index: u32, group: &JsValue);
    #[wasm_bindgen(method, js_name = dispatchWorkgroups)]
    pub fn dispatch(this: &ComputePass, x: u32, y: u32, z: u32);
    #[wasm_bindgen(method)]
    pub fn end(this: &ComputePass);
}

/// `GPUBufferUsage` and `GPUMapMode`.
pub mod usage {
    pub const MAP_READ: u32 = 1;
    pub const COPY_SRC: u32 = 4;
    pub const COPY_DST: u32 = 8;
    pub const UNIFORM: u32 = 64;
    pub const STORAGE: u32 = 128;
    pub const READ: u32 = 1;
}

/// `navigator.gpu` of a page or a worker.
pub fn gpu() -> Option<Gpu> {
    let navigator = property(&js_sys::global(), "navigator");
    let gpu = property(&navigator, "gpu");
    (!gpu.is_undefined() && !gpu.is_null()).then(|| gpu.unchecked_into())
}

/// Undefined where there is none.
pub fn property(object: &JsValue, name: &str) -> JsValue {
    Reflect::get(object, &name.into()).unwrap_or(JsValue::UNDEFINED)
}

/// A plain object.
pub fn object(fields: &[(&str, &JsValue)]) -> Object {
    let object = Object::new();
    for (name, value) in fields {
        // Setting a property of a fresh, extensible object cannot fail.
        let _ = Reflect::set(&object, &(*name).into(), value);
    }
    object
}

pub fn bytes_of(buffer: &ArrayBuffer) -> Vec<u8> {
    Uint8Array::new(buffer).to_vec()
}
