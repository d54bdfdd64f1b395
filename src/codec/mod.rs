//! Bytes in and out: little-endian primitives with every length checked before anything is allocated
//! ([`reader`], [`writer`]), the checksummed container that every stored blob is ([`frame`]), and checksums of parts
//! ([`blocks`]).

pub mod blocks;
mod crc;
pub mod frame;
pub mod reader;
pub mod writer;

pub use blocks::Blocks;
pub use crc::crc32_after;
pub use frame::{fingerprint, Frame, FrameWriter, Place, Tag};
pub use reader::Reader;
pub use writer::Writer;
