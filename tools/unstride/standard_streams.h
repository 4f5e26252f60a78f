// Standard output, written so that a failure to deliver is noticed.
#pragma once

#include <string_view>

namespace unstride::command {

/// Makes the three standard descriptors safe: one that the caller closed would otherwise be reused by the next file
/// that is opened, and text meant for the terminal would land in it. A reader that goes away, or a file that reaches
/// the limit of its size, is an error of the write and not a signal.
void prepare_standard_streams();

/// True when everything was written. A reader that went away is not reported; anything else is, on standard error.
bool write_stdout(std::string_view text);

}  // namespace unstride::command
