//! A GPU that answers, and the little that is done with one: buffers, pipelines, and a recording of dispatches that is
//! submitted and read back at once. Of limits nothing beyond what every WebGPU device has is asked for, of features what
//! kernels exist for.

use super::bindings::{self, bytes_of, object, property, usage, Adapter, CommandEncoder, ComputePass};
use super::bindings::{GpuBuffer, GpuDevice, Pipeline};
use super::extras::{Extra, Extras};
use crate::error::{Error, Result};
use js_sys::{Array, Promise};
use serde::Serialize;
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{spawn_local, JsFuture};

/// Features of interest to somebody who reads a description: which of them are offered.
const FEATURES: [&str; 3] = ["shader-f16", "subgroups", "timestamp-query"];

/// Bytes from one shape to the next in the uniform buffer: the alignment that every device accepts.
const SLOT: usize = 256;

/// Shapes of one recording: some ten kinds of dispatches.
const SLOTS: usize = 32;

/// Workgroups in one dimension of a dispatch, on any device.
const GROUPS: usize = 65_535;

/// What a browser says of an adapter; empty where it does not tell.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Description {
    pub vendor: String,
    pub architecture: String,
    pub device: String,
    pub description: String,
    /// Whether it is a processor in disguise.
    pub software: bool,
    pub features: Vec<&'static str>,
    /// Bytes of a buffer that a kernel can see.
    pub binding_bytes: usize,
}

impl Description {
    fn of(adapter: &Adapter, device: &GpuDevice) -> Description {
        let info = adapter.info();
        let text = |name: &str| property(&info, name).as_string().unwrap_or_default();
        let (architecture, features) = (text("architecture"), adapter.features());
        Description {
            vendor: text("vendor"),
            device: text("device"),
            description: text("description"),
            software: property(&info, "isFallbackAdapter").is_truthy() || architecture == "swiftshader",
            architecture,
            features: FEATURES.into_iter().filter(|name| features.has(name)).collect(),
            binding_bytes: limit(&device.limits(), "maxStorageBufferBindingSize"),
        }
    }
}

fn limit(limits: &JsValue, name: &str) -> usize {
    property(limits, name).as_f64().map_or(0, |bytes| bytes as usize)
}

pub struct Device {
    raw: GpuDevice,
    description: Description,
    extras: Extras,
    /// Why it was lost, once it is.
    loss: Rc<RefCell<Option<String>>>,
}

impl Device {
    /// With those of `wanted` that the adapter offers.
    ///
    /// Errors: `Unsupported` where there is no WebGPU, no adapter or no device, saying which.
    pub async fn open(wanted: Extras) -> Result<Device> {
        let gpu = bindings::gpu().ok_or_else(|| Error::unsupported("this browser has no WebGPU (navigator.gpu)"))?;
        let options = object(&[("powerPreference", &"high-performance".into())]);
        let adapter = settled(gpu.request_adapter(&options)).await?;
        if adapter.is_null() || adapter.is_undefined() {
            return Err(Error::unsupported(
                "WebGPU has no adapter here: no GPU, or one that the browser does not trust",
            ));
        }
        let adapter: Adapter = adapter.unchecked_into();
        let language = property(gpu.as_ref(), "wgslLanguageFeatures");
        let offered = |extra: Extra| {
            let names =
                if Extras::FEATURES.has(extra) { adapter.features() } else { language.clone().unchecked_into() };
            // Old browsers have no list of the language's.
            !names.is_undefined() && names.has(extra.name())
        };
        let extras = Extras::of(|extra| wanted.has(extra) && offered(extra));
        let features: Array = extras.and(Extras::FEATURES).names().into_iter().map(JsValue::from).collect();
        let descriptor = object(&[("requiredFeatures", &features)]);
        let raw: GpuDevice = settled(adapter.request_device(&descriptor)).await?.unchecked_into();
        let loss = Rc::new(RefCell::new(None));
        spawn_local({
            let (lost, loss) = (raw.lost(), Rc::clone(&loss));
            async move {
                let message = match JsFuture::from(lost).await {
                    Ok(info) => property(&info, "message").as_string().filter(|message| !message.is_empty()),
                    Err(_) => None,
                };
                *loss.borrow_mut() = Some(message.unwrap_or_else(|| "the browser does not say why".into()));
            }
        });
        Ok(Device { description: Description::of(&adapter, &raw), raw, extras, loss })
    }

    pub fn description(&self) -> &Description {
        &self.description
    }

    /// What kernels can make use of here.
    pub fn extras(&self) -> Extras {
        self.extras
    }

    /// Frees everything on it. What is under way fails.
    pub fn destroy(&self) {
        self.raw.destroy();
        self.loss.borrow_mut().get_or_insert_with(|| "it was closed".into());
    }

    /// Errors: `Unsupported` once the device is lost.
    pub fn alive(&self) -> Result<()> {
        match &*self.loss.borrow() {
            None => Ok(()),
            Some(why) => Err(Error::unsupported(format!("the GPU was lost: {why}"))),
        }
    }

    /// Errors: `Unsupported` for a text that the browser does not compile, with what it says.
    pub(super) async fn kernel(&self, label: &str, code: &str, constants: &[(&str, u32)]) -> Result<Kernel> {
        let scopes = self.watch();
        let module = self.raw.create_shader_module(&object(&[("label", &label.into()), ("code", &code.into())]));
        let values = constants.iter().map(|&(name, value)| (name, JsValue::from(value))).collect::<Vec<_>>();
        let values: Vec<(&str, &JsValue)> = values.iter().map(|(name, value)| (*name, value)).collect();
        let created = module.and_then(|module| {
            let stage = object(&[("module", &module), ("constants", &object(&values))]);
            let descriptor = object(&[("label", &label.into()), ("layout", &"auto".into()), ("compute", &stage)]);
            self.raw.create_compute_pipeline(&descriptor)
        });
        let scopes = scopes.close();
        let created = settled(created).await;
        scopes.verdict().await.map_err(|error| error.within(format!("kernel {label}")))?;
        let pipeline: Pipeline = created.map_err(|error| error.within(format!("kernel {label}")))?.unchecked_into();
        Ok(Kernel { layout: pipeline.bind_group_layout(0), pipeline })
    }

    /// A buffer of zeros that kernels read and write.
    pub(super) fn storage(&self, bytes: usize) -> Result<Buffer> {
        self.buffer(bytes, usage::STORAGE | usage::COPY_SRC | usage::COPY_DST)
    }

    pub(super) fn uniforms(&self) -> Result<Buffer> {
        self.buffer(SLOTS * SLOT, usage::UNIFORM | usage::COPY_DST)
    }

    /// A buffer that the processor reads.
    pub(super) fn staging(&self, bytes: usize) -> Result<Buffer> {
        self.buffer(bytes, usage::MAP_READ | usage::COPY_DST)
    }

    pub(super) fn upload_floats(&self, numbers: &[f32]) -> Result<Buffer> {
        let buffer = self.storage(size_of_val(numbers))?;
        self.write_floats(&buffer, numbers)?;
        Ok(buffer)
    }

    /// `bytes`: a multiple of four.
    pub(super) fn upload_bytes(&self, bytes: &[u8]) -> Result<Buffer> {
        let buffer = self.storage(bytes.len())?;
        self.raw.queue().write_bytes(&buffer.raw, 0.0, bytes).map_err(failed)?;
        Ok(buffer)
    }

    pub(super) fn write_floats(&self, buffer: &Buffer, numbers: &[f32]) -> Result<()> {
        self.raw.queue().write_floats(&buffer.raw, 0.0, numbers).map_err(failed)
    }

    pub(super) fn write_words(&self, buffer: &Buffer, words: &[u32]) -> Result<()> {
        self.raw.queue().write_words(&buffer.raw, 0.0, words).map_err(failed)
    }

    fn buffer(&self, bytes: usize, usage: u32) -> Result<Buffer> {
        // An empty buffer cannot be bound.
        let bytes = bytes.max(16).next_multiple_of(4);
        let descriptor = object(&[("size", &JsValue::from(bytes as f64)), ("usage", &usage.into())]);
        Ok(Buffer { raw: self.raw.create_buffer(&descriptor).map_err(failed)? })
    }

    /// Catches what the calls until [`Scopes::close`] do wrong on the device.
    pub(super) fn watch(&self) -> Scopes {
        for filter in Scopes::FILTERS {
            self.raw.push_error_scope(filter);
        }
        Scopes { device: self.raw.clone() }
    }

    pub(super) fn record<'a>(&'a self, uniforms: &'a Buffer) -> Result<Recording<'a>> {
        let encoder = self.raw.create_command_encoder().map_err(failed)?;
        let pass = encoder.begin_compute_pass();
        Ok(Recording { device: self, uniforms, encoder, pass, shapes: Vec::new() })
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        self.destroy();
    }
}

/// Memory on the device, freed when it is dropped.
pub(super) struct Buffer {
    raw: GpuBuffer,
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.raw.destroy();
    }
}

pub(super) struct Kernel {
    pipeline: Pipeline,
    layout: JsValue,
}

/// Dispatches, in the order in which they run.
pub(super) struct Recording<'a> {
    device: &'a Device,
    uniforms: &'a Buffer,
    encoder: CommandEncoder,
    pass: ComputePass,
    /// What stands in the uniform buffer, slot by slot.
    shapes: Vec<[u32; 4]>,
}

impl Recording<'_> {
    /// Runs a kernel whose first binding is `shape` and whose others are `buffers`.
    pub fn dispatch(
        &mut self,
        kernel: &Kernel,
        shape: [u32; 4],
        buffers: &[&Buffer],
        groups: [usize; 2],
    ) -> Result<()> {
        if groups.iter().any(|&count| count > GROUPS) {
            return Err(Error::limit(format!("{groups:?} workgroups in a dispatch; the limit is {GROUPS}")));
        }
        let slot = match self.shapes.iter().position(|known| *known == shape) {
            Some(slot) => slot,
            None if self.shapes.len() < SLOTS => {
                self.shapes.push(shape);
                self.shapes.len() - 1
            }
            None => return Err(Error::internal(format!("more than {SLOTS} shapes in a submission"))),
        };
        let entries = Array::new();
        let offset = JsValue::from((slot * SLOT) as f64);
        let place = object(&[("buffer", &self.uniforms.raw), ("offset", &offset), ("size", &JsValue::from(16))]);
        entries.push(&object(&[("binding", &JsValue::from(0)), ("resource", &place)]));
        for (index, buffer) in buffers.iter().enumerate() {
            let place = object(&[("buffer", &buffer.raw)]);
            entries.push(&object(&[("binding", &JsValue::from(index as u32 + 1)), ("resource", &place)]));
        }
        let descriptor = object(&[("layout", &kernel.layout), ("entries", &entries)]);
        let group = self.device.raw.create_bind_group(&descriptor).map_err(failed)?;
        self.pass.set_pipeline(&kernel.pipeline);
        self.pass.set_bind_group(0, &group);
        self.pass.dispatch(groups[0] as u32, groups[1] as u32, 1);
        Ok(())
    }

    /// Submits it all, together with a copy of the first `count` numbers of `from` to `staging`, from where they come.
    pub fn submit(self, from: &Buffer, staging: &Buffer, count: usize) -> Result<Reading> {
        let bytes = count * size_of::<f32>();
        self.pass.end();
        self.encoder.copy(&from.raw, 0.0, &staging.raw, 0.0, bytes as f64);
        let mut words = vec![0; SLOT / size_of::<u32>() * self.shapes.len()];
        for (slot, shape) in words.chunks_exact_mut(SLOT / size_of::<u32>()).zip(&self.shapes) {
            slot[..4].copy_from_slice(shape);
        }
        self.device.write_words(self.uniforms, &words)?;
        self.device.raw.queue().submit(vec![self.encoder.finish()]);
        let mapped = staging.raw.map(usage::READ, 0.0, bytes as f64);
        Ok(Reading { staging: staging.raw.clone(), bytes, mapped })
    }
}

/// Numbers on their way back. The buffer that they come from must live so long.
pub(super) struct Reading {
    staging: GpuBuffer,
    bytes: usize,
    mapped: Promise,
}

impl Reading {
    pub async fn floats(self) -> Result<Vec<f32>> {
        JsFuture::from(self.mapped).await.map_err(failed)?;
        let range = self.staging.mapped_range(0.0, self.bytes as f64).map_err(failed)?;
        let bytes = bytes_of(&range);
        self.staging.unmap();
        Ok(bytes.as_chunks::<4>().0.iter().map(|&four| f32::from_le_bytes(four)).collect())
    }
}

/// WebGPU reports what went wrong on the device to the scopes that were open when it was called.
pub(super) struct Scopes {
    device: GpuDevice,
}

impl Scopes {
    const FILTERS: [&'static str; 3] = ["validation", "out-of-memory", "internal"];

    pub fn close(self) -> Verdicts {
        Verdicts(Scopes::FILTERS.map(|_| self.device.pop_error_scope()))
    }
}

pub(super) struct Verdicts([Promise; 3]);

impl Verdicts {
    /// Errors: what any of the scopes caught.
    pub async fn verdict(self) -> Result<()> {
        for promise in self.0 {
            let error = JsFuture::from(promise).await.map_err(failed)?;
            if !error.is_null() && !error.is_undefined() {
                return Err(failed(error));
            }
        }
        Ok(())
    }
}

async fn settled(promise: std::result::Result<Promise, JsValue>) -> Result<JsValue> {
    JsFuture::from(promise.map_err(failed)?).await.map_err(failed)
}

fn failed(error: JsValue) -> Error {
    let message = property(&error, "message").as_string().unwrap_or_else(|| format!("{error:?}"));
    Error::unsupported(format!("WebGPU: {message}"))
}
