// Vectors of ranges of rows: their mean, of length 1 where asked for. A range of one row is that row, such as the state
// of the first token. CPU twin: `model::head::pool`; the oracle is in `gpu::oracle`.
//
// A workgroup has one range. `reduce.wgsl` goes behind this text.

struct Shape {
    width: u32,
    // Numbers from row to row, of the states as of the result.
    stride: u32,
    normalize: u32,
}

@group(0) @binding(0) var<uniform> shape: Shape;
// First row and number of rows.
@group(0) @binding(1) var<storage, read> ranges: array<vec2u>;
// [rows][stride]
@group(0) @binding(2) var<storage, read> states: array<f32>;
// [ranges][stride]
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
    let range = ranges[group.x];
    let place = group.x * shape.stride;
    var squares = 0.0;
    for (var i = index; i < shape.stride; i += THREADS) {
        var sum = 0.0;
        if (i < shape.width) {
            for (var row = range.x; row < range.x + range.y; row++) {
                sum += states[row * shape.stride + i];
            }
        }
        let mean = sum / f32(range.y);
        out[place + i] = mean;
        squares += mean * mean;
    }
    let length = sqrt(total(index, squares));
    // A vector of zeros has no direction; it stays what it is.
    if (shape.normalize == 0u || length == 0.0) {
        return;
    }
    for (var i = index; i < shape.stride; i += THREADS) {
        out[place + i] /= length;
    }
}
