//! The reader of dynamically quantised ONNX files, on small files that are put together here field by field. What it
//! makes of the real ones is compared with NumPy in `tests/native/models.rs`.

use nearfield::model::layout::{Expected, Storage};
use nearfield::model::onnx::OnnxWeights;
use nearfield::model::weights::{QuantMatrix, Tensor};
use nearfield::ErrorKind;

/// A field of wire type 2: bytes, text or a message.
fn bytes(number: u8, content: &[u8]) -> Vec<u8> {
    let mut field = vec![number << 3 | 2];
    let mut length = content.len();
    while length >= 0x80 {
        field.push(length as u8 | 0x80);
        length >>= 7;
    }
    field.push(length as u8);
    field.extend(content);
    field
}

fn text(number: u8, content: &str) -> Vec<u8> {
    bytes(number, content.as_bytes())
}

fn number(number: u8, value: u8) -> Vec<u8> {
    assert!(value < 0x80);
    vec![number << 3, value]
}

const FLOAT: u8 = 1;
const UINT8: u8 = 2;
const INT8: u8 = 3;

/// An initialiser whose numbers are raw bytes, as large ones are.
fn raw(name: &str, kind: u8, shape: &[u8], data: &[u8]) -> Vec<u8> {
    let dims = shape.iter().flat_map(|dim| number(1, *dim));
    bytes(5, &dims.chain(number(2, kind)).chain(text(8, name)).chain(bytes(9, data)).collect::<Vec<u8>>())
}

/// A single float, as onnxruntime writes a scale: packed, without dimensions.
fn scale(name: &str, value: f32) -> Vec<u8> {
    bytes(5, &[number(2, FLOAT), bytes(4, &value.to_le_bytes()), text(8, name)].concat())
}

/// A single integer, as onnxruntime writes a zero point: packed, without dimensions.
fn zero_point(name: &str, kind: u8, value: u8) -> Vec<u8> {
    let packed = if value < 0x80 { vec![value] } else { vec![value, 1] };
    bytes(5, &[number(2, kind), bytes(5, &packed), text(8, name)].concat())
}

fn floats(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn node(kind: &str, inputs: &[&str], output: &str) -> Vec<u8> {
    let inputs = inputs.iter().flat_map(|input| text(1, input));
    bytes(1, &inputs.chain(text(2, output)).chain(text(4, kind)).collect::<Vec<u8>>())
}

/// A product with its weights `codes`, then cast, scaled and with a bias, as dynamic quantisation leaves it.
fn linear(codes: &str, bias: &str) -> Vec<u8> {
    let name = |part: &str| format!("{codes}/{part}");
    [
        node("MatMulInteger", &["x", codes, "x_zero", "w_zero"], &name("product")),
        node("Cast", &[&name("product")], &name("cast")),
        node("Mul", &[&name("cast"), "scales"], &name("scaled")),
        node("Add", &[bias, &name("scaled")], &name("out")),
    ]
    .concat()
}

fn model(parts: &[Vec<u8>]) -> Vec<u8> {
    [number(1, 8), text(2, "by hand"), bytes(7, &parts.concat())].concat()
}

/// A 2 -> 3 linear layer with a scale for each output, a table with a zero point that all codes survive, one with a
/// zero point that they do not, and floats.
fn file() -> Vec<u8> {
    model(&[
        // [in, out]: the codes of output 0 are 1 and 4.
        raw("onnx::MatMul_7_quantized", INT8, &[2, 3], &[1, 2, 3, 4, 0x85, 6]),
        raw("onnx::MatMul_7_scale", FLOAT, &[3], &floats(&[0.5, 0.25, 2.0])),
        raw("onnx::MatMul_7_zero_point", INT8, &[3], &[0, 0, 0]),
        raw("bert.layer.dense.bias", FLOAT, &[3], &floats(&[1.0, 2.0, 3.0])),
        linear("onnx::MatMul_7_quantized", "bert.layer.dense.bias"),
        raw("bert.words.weight_quantized", UINT8, &[2, 2], &[128, 1, 255, 130]),
        scale("bert.words.weight_scale", 0.125),
        zero_point("bert.words.weight_zero_point", UINT8, 128),
        raw("positions.weight_quantized", UINT8, &[2, 2], &[10, 20, 0, 255]),
        scale("positions.weight_scale", 1.0),
        zero_point("positions.weight_zero_point", UINT8, 10),
        raw("types.weight_quantized", UINT8, &[1, 2], &[9, 11]),
        scale("types.weight_scale", 0.5),
        zero_point("types.weight_zero_point", UINT8, 10),
        raw("norm.LayerNorm.gamma", FLOAT, &[2], &floats(&[-1.0, 1.5])),
    ])
}

fn expect(name: &str, shape: &[usize], storage: Storage) -> Expected {
    Expected { name: name.to_string(), shape: shape.to_vec(), storage }
}

fn expected() -> Vec<Expected> {
    vec![
        expect("layer.dense.weight", &[3, 2], Storage::Quantised),
        expect("layer.dense.bias", &[3], Storage::Float),
        expect("words.weight", &[2, 2], Storage::Quantised),
        expect("positions.weight", &[2, 2], Storage::Quantised),
        expect("types.weight", &[1, 2], Storage::Float),
        expect("norm.LayerNorm.weight", &[2], Storage::Float),
    ]
}

#[test]
fn codes_are_kept_where_they_fit_and_quantised_again_where_they_do_not() {
    let mut weights = OnnxWeights::read(&file()).unwrap().quantised(&expected()).unwrap();
    let matrix =
        |rows, data: &[i8], scales: &[f32]| QuantMatrix { rows, cols: 2, data: data.to_vec(), scales: scales.to_vec() };
    let linear = weights.take_matrix("layer.dense.weight", 3, 2).unwrap();
    assert_eq!(linear, matrix(3, &[1, 4, 2, -123, 3, 6], &[0.5, 0.25, 2.0]));
    let words = weights.take_matrix("words.weight", 2, 2).unwrap();
    assert_eq!(words, matrix(2, &[0, -127, 127, 2], &[0.125, 0.125]));
    let positions = weights.take_matrix("positions.weight", 2, 2).unwrap();
    assert_eq!(positions, matrix(2, &[0, 10, -5, 127], &[1.0, 245.0 / 127.0]));
    assert_eq!(weights.take_floats("types.weight", &[1, 2]).unwrap(), [-0.5, 0.5]);
    assert_eq!(weights.take_vector("layer.dense.bias", 3).unwrap(), [1.0, 2.0, 3.0]);
    assert_eq!(weights.take_vector("norm.LayerNorm.weight", 2).unwrap(), [-1.0, 1.5]);
}

#[test]
fn full_precision_is_what_the_codes_stand_for() {
    let weights = OnnxWeights::read(&file()).unwrap().full_precision(&expected()).unwrap();
    let tensors: Vec<(&str, &Tensor)> = weights.iter().collect();
    let positions = Tensor::Float { shape: vec![2, 2], data: vec![0.0, 10.0, -10.0, 245.0] };
    assert!(tensors.contains(&("positions.weight", &positions)));
    let dense = Tensor::Float { shape: vec![3, 2], data: vec![0.5, 2.0, 0.5, -30.75, 6.0, 12.0] };
    assert!(tensors.contains(&("layer.dense.weight", &dense)));
}

#[track_caller]
fn check_error(file: &[u8], expected: &[Expected], kind: ErrorKind, part: &str) {
    let error = OnnxWeights::read(file).and_then(|weights| weights.quantised(expected)).unwrap_err();
    assert_eq!(error.kind, kind, "{error}");
    assert!(error.to_string().contains(part), "{error}");
}

#[test]
fn what_is_missing_or_does_not_fit_is_named() {
    let other = [expect("no.weight", &[1], Storage::Float)];
    check_error(&file(), &other, ErrorKind::Corrupt, "\"no.weight\" is missing");
    let shape = [expect("words.weight", &[2, 3], Storage::Quantised)];
    check_error(&file(), &shape, ErrorKind::Corrupt, "shape [2, 2], expected [2, 3]");
    let table = |codes: Vec<u8>, scales: Vec<u8>| model(&[codes, scales, zero_point("a.b_zero_point", INT8, 0)]);
    let codes = raw("a.b_quantized", INT8, &[2, 2], &[1, 2, 3, 4]);
    let no_scale = table(codes.clone(), scale("other.scale", 1.0));
    check_error(&no_scale, &[], ErrorKind::Corrupt, "\"a.b_scale\" is missing");
    check_error(&table(codes.clone(), scale("a.b_scale", f32::NAN)), &[], ErrorKind::Corrupt, "finite");
    check_error(&table(codes.clone(), scale("a.b_scale", -1.0)), &[], ErrorKind::Corrupt, "the scale -1");
    let three = raw("a.b_scale", FLOAT, &[3], &floats(&[1.0; 3]));
    check_error(&table(codes, three), &[], ErrorKind::Corrupt, "3 scales");
    let short = raw("a.b_quantized", INT8, &[2, 2], &[1, 2, 3]);
    check_error(&table(short, scale("a.b_scale", 1.0)), &[], ErrorKind::Corrupt, "3 codes for 2 x 2");
    let half = raw("a.b_quantized", 10, &[2, 2], &[0; 8]);
    check_error(&table(half, scale("a.b_scale", 1.0)), &[], ErrorKind::Unsupported, "ONNX type 10");
    check_error(&number(1, 8), &[], ErrorKind::Corrupt, "no graph");
}

#[test]
fn every_truncation_is_an_error_and_no_changed_byte_a_panic() {
    let whole = file();
    for length in 0..whole.len() {
        assert!(OnnxWeights::read(&whole[..length]).is_err(), "{length} bytes");
    }
    for at in 0..whole.len() {
        for flip in [1, 8, 0x80, 0xff] {
            let mut broken = whole.clone();
            broken[at] ^= flip;
            let _ = OnnxWeights::read(&broken).and_then(|weights| weights.quantised(&expected()));
        }
    }
}
