# SPDX-License-Identifier: Apache-2.0
"""COS over the wire. Importing this package alone loads neither the SDK nor an HTTP client."""
