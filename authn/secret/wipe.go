package secret

import "reflect"

// wipe overwrites objects of the standard library in which a key was put: a block cipher, an AEAD, a hash, an HMAC. They keep copies of
// it where nobody else can reach, and the garbage collector leaves them there until it gives the place to something else. What is
// wiped must not be used again.
func wipe(objects ...any) {
	for _, object := range objects {
		v := reflect.ValueOf(object)
		switch v.Kind() {
		case reflect.Pointer:
			wipeAt(v)
		case reflect.Struct: // around a pointer, as the AEAD of cipher.NewGCMWithRandomNonce is
			for i := range v.NumField() {
				wipeAt(v.Field(i))
			}
		}
	}
}

// wipeAt overwrites what a pointer points to, and the bytes of the slices in it.
func wipeAt(v reflect.Value) {
	if v.Kind() != reflect.Pointer || v.IsNil() {
		return
	}
	object := reflect.NewAt(v.Type().Elem(), v.UnsafePointer()).Elem() // reflect changes no field that is not exported otherwise
	if object.Kind() == reflect.Struct {
		for i := range object.NumField() {
			if field := object.Field(i); field.Kind() == reflect.Slice && field.Type().Elem().Kind() == reflect.Uint8 {
				clear(field.Bytes())
			}
		}
	}
	object.SetZero()
}
