// The precompiled header needs a target to be built by; this file is its only source.
