//! What a GPU is compared with, compared with the f32 reference: the same states from the same int8 weights.

use crate::support::kernel_laws as laws;
use crate::support::tiny_encoder as tiny;
use nearfield::gpu::layout::Rows;
use nearfield::gpu::oracle;
use nearfield::model::bert::{Pooling, Readout};
use nearfield::model::encoder::Encoder;
use nearfield::model::reference;
use nearfield::ErrorKind;

#[test]
fn the_oracle_agrees_with_the_reference() {
    for (seed, (hidden, heads, intermediate)) in tiny::SIZES.into_iter().enumerate() {
        let config = tiny::config(hidden, heads, intermediate);
        let encoder = Encoder::new(&config, &mut tiny::weights(&config, seed as u64)).unwrap();
        let mut random = laws::Random(!seed as u64);
        let lengths = [1, 17, 80, 2];
        let ids: Vec<u32> = (0..100).map(|_| random.between(0, 49) as u32).collect();
        let types: Vec<u32> = (0..100).map(|_| random.between(0, 1) as u32).collect();
        let sums = encoder.look_up(&ids, &types, &lengths).unwrap();
        let states = oracle::states(&config, &encoder, Rows { sums: &sums, lengths: &lengths }).unwrap();
        let mut first = 0;
        for (states, &length) in states.iter().zip(&lengths) {
            let range = first..first + length as usize;
            let expected = reference::hidden_states(&config, &encoder, &ids[range.clone()], &types[range.clone()]);
            let expected = expected.unwrap();
            for (row, expected) in states.iter().zip(expected.to_vec2::<f32>().unwrap()) {
                for (found, expected) in row.iter().zip(expected) {
                    assert!((found - f64::from(expected)).abs() < 1e-4, "{found}, expected {expected}");
                }
            }
            for pooling in [Pooling::Mean, Pooling::Cls, Pooling::Last] {
                let readout = Readout::Vector { pooling, normalize: true };
                let vector = oracle::read_out(readout, &encoder, states).unwrap();
                for (found, expected) in vector.iter().zip(reference::pool(&expected, pooling, true).unwrap()) {
                    assert!((found - f64::from(expected)).abs() < 1e-4, "{pooling:?}: {found}, expected {expected}");
                }
            }
            first = range.end;
        }
    }
}

#[test]
fn tokens_that_do_not_fit_are_not_looked_up() {
    let config = tiny::config(20, 2, 30);
    let encoder = Encoder::new(&config, &mut tiny::weights(&config, 1)).unwrap();
    let cases: [[&[u32]; 3]; 4] =
        [[&[1, 2], &[], &[1]], [&[1, 2], &[0], &[2]], [&[1, 99], &[], &[2]], [&[1], &[], &[1, 0]]];
    for [ids, types, lengths] in cases {
        assert_eq!(encoder.look_up(ids, types, lengths).unwrap_err().kind, ErrorKind::InvalidInput);
    }
    assert_eq!(encoder.look_up(&[], &[], &[]).unwrap(), [0f32; 0]);
}
