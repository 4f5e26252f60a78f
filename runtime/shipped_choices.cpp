#include "runtime/shipped_choices.h"

namespace unstride {

// None so far: the cost model's plans are what everybody has until they tune.
const std::string_view shipped_choices;

}  // namespace unstride
