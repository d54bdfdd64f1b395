//! The encoder once more, on WebGPU, in f32 over the int8 weights of the model that the CPU runs.
//!
//! The CPU's side tokenises and looks up embeddings: a table of up to 250,000 rows is read once a token and multiplied
//! with nothing, so that it stays where it is, and what crosses over is one row a token ([`layout::Rows`]). From there
//! on everything stays on the device: weights are uploaded once ([`layout`], [`encoder`]), a batch is one submission,
//! and pooled vectors alone are read back. Each kernel is a `.wgsl` file whose first lines name its CPU twins.
//!
//! Some devices offer more than others ([`extras`]); kernels that make use of it are variants of the plain ones.
//!
//! GPUs have been wrong without saying so. So [`probe`] compares each kernel, and a whole pass, with [`oracle`] and the
//! scalar kernels, on the very device and before its first use; [`choice`] takes the variants that pass, and says what is
//! to be remembered. Anything that fails afterwards is an error, after which the caller takes the CPU.

#[cfg(target_arch = "wasm32")]
mod bindings;
#[cfg(target_arch = "wasm32")]
pub mod choice;
#[cfg(target_arch = "wasm32")]
mod device;
#[cfg(target_arch = "wasm32")]
mod encoder;
pub mod extras;
#[cfg(target_arch = "wasm32")]
mod kernels;
pub mod layout;
pub mod oracle;
#[cfg(target_arch = "wasm32")]
pub mod probe;

#[cfg(target_arch = "wasm32")]
pub use device::{Description, Device};
#[cfg(target_arch = "wasm32")]
pub use encoder::Encoder;
#[cfg(target_arch = "wasm32")]
pub use kernels::{Kernels, Sources};
