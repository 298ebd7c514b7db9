#!/bin/bash
# Installs what is missing, builds, and runs all tests.
set -eu
