//! Bytes in and out: little-endian primitives with every length checked before anything is allocated
//! ([`reader`], [`writer`]) and the checksummed container that every stored blob is ([`frame`]).

pub mod frame;
pub mod reader;
pub mod writer;

pub use frame::{Frame, FrameWriter, Tag};
pub use reader::Reader;
pub use writer::Writer;
