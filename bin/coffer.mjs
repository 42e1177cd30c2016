#!/usr/bin/env node
// For those who start the command by this name; `coffer.cjs` starts sooner.
import './coffer.cjs'
