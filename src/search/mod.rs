//! From a query to hits: [`options`] says what is wanted, [`retrieve`] asks postings and vectors of one [`snapshot`],
//! and [`fusion`] merges the two rankings. Texts are fetched and hits reranked by the engine, which alone can wait for the store and for models.

pub mod fusion;
pub mod options;
pub mod retrieve;
pub mod snapshot;
