// Layer normalisation of rows in place. CPU twins: `kernel::norm_rows`, and the oracle `kernel::scalar::layer_norm`.
//
// A workgroup has one row. Padding of rows becomes 0. `reduce.wgsl` goes behind this text.

struct Shape {
    rows: u32,
    width: u32,
    // Numbers from row to row.
    stride: u32,
    eps: f32,
}

@group(0) @binding(0) var<uniform> shape: Shape;
// Weight and bias of each number of a row.
@group(0) @binding(1) var<storage, read> affine: array<vec2f>;
// [rows][stride]
@group(0) @binding(2) var<storage, read_write> values: array<f32>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
    let first = group.x * shape.stride;
    var sum = 0.0;
    for (var i = index; i < shape.width; i += THREADS) {
        sum += values[first + i];
    }
    let mean = total(index, sum) / f32(shape.width);
    var squares = 0.0;
    for (var i = index; i < shape.width; i += THREADS) {
        let d = values[first + i] - mean;
        squares += d * d;
    }
    let variance = total(index, squares) / f32(shape.width);
    let scale = 1.0 / sqrt(variance + shape.eps);
    for (var i = index; i < shape.stride; i += THREADS) {
        var y = 0.0;
        if (i < shape.width) {
            y = (values[first + i] - mean) * scale * affine[i].x + affine[i].y;
        }
        values[first + i] = y;
    }
}
