#pragma once

/// Marks what libunstride exports; everything else stays inside the shared library.
#define UNSTRIDE_API __attribute__((visibility("default")))
