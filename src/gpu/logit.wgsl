// The one logit of a cross-encoder from each pooled row: weight . row + bias. CPU twin: `model::head::Classifier`; the
// oracle is `kernel::scalar::dot_f32`.
//
// A workgroup has one row. `reduce.wgsl` goes behind this text.

struct Shape {
    width: u32,
    // Numbers from row to row.
    stride: u32,
    bias: f32,
}

@group(0) @binding(0) var<uniform> shape: Shape;
@group(0) @binding(1) var<storage, read> weight: array<f32>;
// [rows][stride]
@group(0) @binding(2) var<storage, read> pooled: array<f32>;
// [rows]
@group(0) @binding(3) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) index: u32) {
    var sum = 0.0;
    for (var i = index; i < shape.width; i += THREADS) {
        sum += weight[i] * pooled[group.x * shape.stride + i];
    }
    let all = total(index, sum);
    if (index == 0u) {
        out[group.x] = all + shape.bias;
    }
}
