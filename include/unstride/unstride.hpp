// unstride: a just-in-time compiler for the 1-D transposed convolution. This header is the whole API.
//
//     unstride::Engine engine;
//     unstride::LayerSpec spec = unstride::parse_spec(json);
//     unstride::Kernel kernel = engine.compile(spec);
//     unstride::PackedWeights weights = kernel.pack(w, bias);
//     kernel.run(x, weights, y, {.batch = N, .length = L});
#pragma once

#include "unstride/conv_transpose1d.hpp"
#include "unstride/device.hpp"
#include "unstride/element.hpp"
#include "unstride/engine.hpp"
#include "unstride/error.hpp"
#include "unstride/executor.hpp"
#include "unstride/spec.hpp"
#include "unstride/tuning.hpp"
