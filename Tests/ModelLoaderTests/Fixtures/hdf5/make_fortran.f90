! Writes fortran.h5, a model file with random weights: h5fc make_fortran.f90 -o make && ./make
program make
  use hdf5
  implicit none
  integer(hid_t) :: f, g, w, s, t, a, d
  integer :: e
  integer(hsize_t) :: one(1) = (/1/), dims(2), d1(1)
  integer(size_t) :: n
  character(len=40) :: txt
  real :: v(4,8), u(4)
  integer :: i
  call h5open_f(e)
  call h5fcreate_f('fortran.h5', H5F_ACC_TRUNC_F, f, e)
  call text(f, 'format', 'zigzag-model'); call int(f,'format_version',1)
  call text(f, 'sha256', repeat('0',64)); call text(f,'source','written by Fortran')
  call h5gcreate_f(f,'config',g,e)
  call text(g,'model_type','llama')
  call text(g,'rope_scaling','{"rope_type": "linear", "factor": 2.0}')
  call int(g,'num_hidden_layers',1); call int(g,'hidden_size',4); call int(g,'intermediate_size',4)
  call int(g,'num_attention_heads',2); call int(g,'num_key_value_heads',1); call int(g,'head_dim',2)
  call int(g,'vocab_size',8); call int(g,'max_position_embeddings',64); call int(g,'tie_word_embeddings',1)
  call h5gcreate_f(f,'weights',w,e)
  call mat('model.embed_tokens.weight',4,8); call vec('model.norm.weight')
  call vec('model.layers.0.input_layernorm.weight'); call vec('model.layers.0.post_attention_layernorm.weight')
  call mat('model.layers.0.self_attn.q_proj.weight',4,4); call mat('model.layers.0.self_attn.k_proj.weight',4,2)
  call mat('model.layers.0.self_attn.v_proj.weight',4,2); call mat('model.layers.0.self_attn.o_proj.weight',4,4)
  call mat('model.layers.0.mlp.gate_proj.weight',4,4); call mat('model.layers.0.mlp.up_proj.weight',4,4)
  call mat('model.layers.0.mlp.down_proj.weight',4,4)
  call h5gclose_f(g,e); call h5gclose_f(w,e); call h5fclose_f(f,e); call h5close_f(e)
contains
  subroutine text(loc,name,value)
    integer(hid_t), intent(in) :: loc
    character(len=*), intent(in) :: name, value
    character(len=80) :: buf
    buf = value
    call h5tcopy_f(H5T_NATIVE_CHARACTER,t,e); n=80; call h5tset_size_f(t,n,e)
    call h5screate_simple_f(1,one,s,e); call h5acreate_f(loc,name,t,s,a,e)
    call h5awrite_f(a,t,buf,one,e); call h5aclose_f(a,e); call h5sclose_f(s,e); call h5tclose_f(t,e)
  end subroutine
  subroutine int(loc,name,value)
    integer(hid_t), intent(in) :: loc
    character(len=*), intent(in) :: name
    integer, intent(in) :: value
    call h5screate_f(H5S_SCALAR_F,s,e); call h5acreate_f(loc,name,H5T_NATIVE_INTEGER,s,a,e)
    call h5awrite_f(a,H5T_NATIVE_INTEGER,value,one,e); call h5aclose_f(a,e); call h5sclose_f(s,e)
  end subroutine
  subroutine mat(name,c,r)
    character(len=*), intent(in) :: name
    integer, intent(in) :: c, r
    real :: x(c,r)
    call random_number(x); dims=(/c,r/)
    call h5screate_simple_f(2,dims,s,e); call h5dcreate_f(w,name,H5T_NATIVE_REAL,s,d,e)
    call h5dwrite_f(d,H5T_NATIVE_REAL,x,dims,e); call h5dclose_f(d,e); call h5sclose_f(s,e)
  end subroutine
  subroutine vec(name)
    character(len=*), intent(in) :: name
    call random_number(u); d1=(/4/)
    call h5screate_simple_f(1,d1,s,e); call h5dcreate_f(w,name,H5T_NATIVE_REAL,s,d,e)
    call h5dwrite_f(d,H5T_NATIVE_REAL,u,d1,e); call h5dclose_f(d,e); call h5sclose_f(s,e)
  end subroutine
end program make
